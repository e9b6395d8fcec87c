#include <stdio.h>
#include <time.h>
int main(void) {
    time_t t = 1700000000;
    char text[64];
    strftime(text, sizeof text, "%F %T %Z", localtime(&t));
    puts(text);
    return 3;
}
