# A data science image whose packages are installed, replaced and removed in separate steps.
FROM scratch
ADD rootfs.tar /
COPY host-ca.crt /usr/local/share/ca-certificates/host-ca.crt
ENV DEBIAN_FRONTEND=noninteractive PIP_CERT=/usr/local/share/ca-certificates/host-ca.crt PIP_DISABLE_PIP_VERSION_CHECK=1
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv
RUN python3 -m venv /opt/venv
RUN /opt/venv/bin/pip install numpy==2.2.6
RUN /opt/venv/bin/pip install pandas==2.2.3
RUN /opt/venv/bin/pip install scikit-learn==1.5.2
RUN /opt/venv/bin/pip install matplotlib==3.9.2
RUN /opt/venv/bin/pip uninstall -y scikit-learn scipy
RUN /opt/venv/bin/pip install --force-reinstall --no-deps pandas==2.2.2
RUN chmod -R a+rX /opt/venv
RUN rm -rf /root/.cache /var/lib/apt/lists/*
CMD ["/opt/venv/bin/python", "-c", "import numpy, pandas; print(numpy.__version__, pandas.__version__)"]
