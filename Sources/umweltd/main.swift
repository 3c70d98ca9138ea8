// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel

/// One line on standard error for people.
enum Notice {
    static func print(_ message: String) {
        try? Fd.standardError().write(Array("umweltd: \(message)\n".utf8))
    }
}

switch Options.parse(CommandLine.arguments.dropFirst()) {
case .printHelp: print(Options.help, terminator: "")
case .printVersion: print("umweltd \(Options.version)")
case .refuse(let reason):
    Notice.print("\(reason); see umweltd --help")
    exit(2)
case .run(let options):
    guard geteuid() == 0 else {
        Notice.print("must be started as root: it mounts, and reads every container's cgroups")
        exit(1)
    }
    do throws(DaemonError) {
        let daemon = try Daemon(options)
        try daemon.run()
        // Threads that still wait for the kernel end with the process; the connection closes with it.
        exit(0)
    } catch {
        Notice.print(error.message)
        exit(1)
    }
}
