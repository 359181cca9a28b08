// Package pluginhost finds plugin binaries, asks them what they are, and runs and watches their processes.
//
// # Invariants
//
//  1. Only regular, executable files that lie directly in a folder of plugin.path are ever started; no connector
//     configuration can name a path.
//  2. A file is started again as what it was found to be: with `<file>.sha256` beside it only if its content has that
//     checksum, and after a change only once it has described itself anew.
//  3. Whatever a plugin does (print garbage, hang, flood its log, die, ignore signals) costs its own processes only: every
//     wait has a deadline, every buffer a bound, and go-plugin's own log parser never sees a line of it.
//  4. No process outlives the worker: a pipe tells plugins of our kit that the worker is gone, and on Linux the kernel
//     kills all of them.
//  5. Sockets lie in a folder of this worker alone (0700), which is removed at the end; what killed workers left behind is
//     removed at the next start.
//  6. A plugin gets the environment variables on the allow-list, the descriptors of its own streams and pipe, and no others.
//
// # Neighbours
//
// Package plugins speaks to the processes; worker/herder decides which of them run.
package pluginhost
