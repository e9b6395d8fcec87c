# Every way in which a later layer can change an earlier one, made by a real builder on a real overlay.
FROM scratch
ADD busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN mkdir -p /a/b/c /d/e /keep && echo 1 > /a/b/c/1 && echo 2 > /a/b/2 && echo 3 > /d/e/3 && echo k > /keep/k
RUN rm -r /a/b && mkdir -p /a/b && echo 4 > /a/b/4
RUN rm /d/e/3 && echo five > /d/e/3
RUN rm -r /d && echo "now a file" > /d
RUN rm /d && mkdir /d && echo "and a directory again" > /d/x
RUN echo one > /link1 && ln /link1 /link2 && ln /link1 /link3
RUN rm /link1
RUN echo changed > /link2
RUN mv /keep /moved && chmod 1777 /moved && touch /moved/empty
RUN ln -s moved /keep && echo through > /keep/through
RUN chmod -R 700 /a && chown -R 1:2 /a && mkfifo /pipe
RUN rm /bin/vi && mkdir /bin/vi && echo x > /bin/vi/x
CMD ["/bin/sh", "-c", "find / -xdev -type f | grep -v -e ^/dev -e ^/proc -e ^/sys -e ^/etc | sort | xargs md5sum"]
