#include <netdb.h>
#include <stdio.h>
const char *own(void);
int main(void) {
    struct addrinfo *info = NULL;
    printf("%s %d\n", own(), getaddrinfo("localhost", NULL, NULL, &info));
    return 0;
}
