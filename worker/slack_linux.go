package main

/*
#include <sys/prctl.h>

#define SLACK 500000

// It runs before Go's runtime begins: threads inherit it, and so do plugins.
static void __attribute__((constructor)) allow_slack(void) { prctl(PR_SET_TIMERSLACK, (unsigned long)SLACK); }
*/
import "C"

// timerSlack is how late the kernel may wake a thread whose time has come, in nanoseconds. While goroutines come and go Go's runtime
// wants to look after them every 20 microseconds, in the worker and in each plugin; with the kernel's own slack of 50 that takes a
// twentieth of all CPU time. Go's timers do not feel it: they wait for whole milliseconds.
const timerSlack = C.SLACK
