#include <dlfcn.h>
#include <iconv.h>
#include <locale.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
unsigned long own(void);
int main(void) {
    printf("%lu\n", own());
    printf("%s\n", setlocale(LC_ALL, ""));
    printf("%'d %.2f\n", 1234567, 1.5);
    time_t t = 1700000000;
    char text[64];
    strftime(text, sizeof text, "%A %F %T %Z", localtime(&t));
    puts(text);
    struct passwd *user = getpwnam("nobody");
    printf("%s\n", user ? user->pw_dir : "none");
    struct addrinfo *info = NULL;
    printf("%d\n", getaddrinfo("localhost", "http", NULL, &info));
    iconv_t all = iconv_open("UTF-8", "ISO-8859-15");
    char in[] = "\xa4", out[8] = "", *from = in, *to = out;
    size_t left = 1, room = 7;
    printf("%d\n", (int)iconv(all, &from, &left, &to, &room));
    puts(out);
    void *magic = dlopen("libmagic.so.1", RTLD_NOW);
    printf("%s\n", magic ? "magic" : dlerror());
    void *(*open)(int) = (void *(*)(int))dlsym(magic, "magic_open");
    int (*load)(void *, const char *) = (int (*)(void *, const char *))dlsym(magic, "magic_load");
    const char *(*of)(void *, const char *) = (const char *(*)(void *, const char *))dlsym(magic, "magic_file");
    void *cookie = open(0);
    printf("%d\n", load(cookie, NULL));
    puts(of(cookie, "/etc/passwd"));
    printf("%d\n", system("echo shell; exit 4") >> 8);
    return 0;
}
