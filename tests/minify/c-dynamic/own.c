#include <zlib.h>
unsigned long own(void) { return crc32(0, (const unsigned char *)"abc", 3); }
