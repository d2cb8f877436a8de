// Command servers measures Sluice's authorization server beside others in one run:
//
//	go run -C bench ./servers [-for 5s] [-connections 32] [-rounds 3] [-only sluice-sqlite,zitadel]
//
// Each server is built, started as a process of its own on a loopback port with
// fresh storage, and asked for the same things by the same load generator. The
// rounds go through all servers one after the other, and medians are printed, so
// that whatever else the machine does meets all of them alike. It is the ratios
// that count. docs/performance.md explains the scenarios and shows a table.
//
// A server that cannot be had on this machine is reported with the reason. A wrong
// answer fails the run. Processor time and memory are read from /proc: on systems
// without it they are missing.
package main
