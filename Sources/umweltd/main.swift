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

try? StandardDescriptors.fill()
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
    // Inherited by every thread: signals are the keeper's business, which reads them.
    signal(SIGPIPE, SIG_IGN)
    // A key on the terminal would stop both processes, and with them every reader.
    for number in [SIGTSTP, SIGTTIN, SIGTTOU] { signal(number, SIG_IGN) }
    do throws(DaemonError) {
        switch options.part {
        case .keeper(let held):
            ProcessID.setName("umweltd")
            try Keeper(options, held).run()
        case .mend, .takeAway: try HelperPart(options).run()
        case .worker(let negotiated, let refused, let areas):
            ProcessID.setName("umweltd-worker")
            _ = try attempt("set up signals") { () throws(Errno) in try Fd.signals(Keeper.signals) }
            let inheritance = try Inheritance(negotiated, unsettled: areas)
            let isEnding = try inheritance.waitForTurn(options).contains(.ending)
            try Daemon(options, inheritance, refused: refused, isEnding: isEnding).run()
        }
        // Threads that still wait for the kernel end with the process.
        exit(0)
    } catch {
        if !error.message.isEmpty { Notice.print(error.message) }
        exit(1)
    }
}
