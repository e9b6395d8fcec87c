# lean, with a file of 100 MB that comes in one step and goes in the next.
FROM scratch
ADD busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN head -c 100000000 /dev/urandom > /big
RUN rm /big
RUN echo work > /work
