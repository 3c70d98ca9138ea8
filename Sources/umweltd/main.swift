// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import Synchronization

/// One line on standard error for people.
///
/// A log that nobody reads holds up nothing: what does not go at once is lost, and counted.
enum Notice {
    private static let lost = Atomic<Int>(0)
    /// PIPE_BUF: so much has room in a pipe that takes anything.
    private static let lengthLimit = 4096

    static func print(_ message: String) {
        let count = lost.load(ordering: .relaxed)
        let text = (count > 0 ? "umweltd: \(count) lines were lost\n" : "") + "umweltd: \(message)"
        do throws(Errno) {
            let output = try Fd.standardError()
            guard output.isWritable else {
                lost.wrappingAdd(1, ordering: .relaxed)
                return
            }
            try output.write(Array(text.utf8.prefix(lengthLimit - 1)) + [UInt8(ascii: "\n")])
            lost.wrappingSubtract(count, ordering: .relaxed)
        } catch {
            // There is nobody to tell.
        }
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
    // Whoever waits there would wait for ever.
    if let fd = options.readyFd, !Fd.isOpenForWriting(fd) {
        Notice.print("--ready-fd \(fd): there is no such descriptor to write to; see umweltd --help")
        exit(2)
    }
    guard geteuid() == 0 else {
        Notice.print("must be started as root: it mounts, and reads every container's cgroups")
        exit(1)
    }
    // Inherited by every thread: signals are the keeper's business, which reads them.
    signal(SIGPIPE, SIG_IGN)
    // Whoever ignores it passes that on, and would keep what became of the children from us.
    signal(SIGCHLD, SIG_DFL)
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
