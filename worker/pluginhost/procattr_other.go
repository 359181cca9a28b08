//go:build !linux

package pluginhost

import "syscall"

// procAttr has no signal for the death of the worker here: the pipe alone tells plugins that the worker is gone.
func procAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func keepDescriptors() {}

func rss(int) int64 { return 0 }
