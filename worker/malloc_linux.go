package main

/*
#include <malloc.h>

#ifdef __GLIBC__
static void keep_small(void) {
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_TRIM_THRESHOLD, 256 * 1024);
	mallopt(M_MMAP_THRESHOLD, 256 * 1024);
}
#else
static void keep_small(void) {}
#endif
*/
import "C"

// keepSmall makes the C library give memory back. The Kafka client allocates each message in one thread and frees it in
// another; left to itself, glibc keeps an arena for every thread, and a burst that has long passed stays resident.
func keepSmall() { C.keep_small() }
