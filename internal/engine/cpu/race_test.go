//go:build race

package cpu_test

// racing: the race detector makes plain Go some 20 times slower.
const racing = true
