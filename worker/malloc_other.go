//go:build !linux

package main

func keepSmall() {}
