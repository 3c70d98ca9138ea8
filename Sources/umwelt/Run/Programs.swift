// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel

/// Where programs are.
enum Programs {
    /// This program's own file.
    static func own() throws(Failure) -> String {
        do throws(Errno) { return try FileTree.linkTarget("/proc/self/exe").description } catch {
            throw .failed("cannot read /proc/self/exe: \(error); is /proc mounted?")
        }
    }

    /// The file of `umweltd`: beside umwelt itself, where an installation has it, or in PATH.
    static func daemon(path: String) throws(Failure) -> String {
        let own = try own()
        let directory = own.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        for place in ["", "/../libexec/umwelt", "/../libexec", "/../sbin", "/../bin"] {
            let candidate = CleanPath.absolute(directory + place + "/umweltd")
            if isProgram(candidate) { return candidate }
        }
        if let found = find("umweltd", in: path) { return found }
        throw .failed("umweltd is not beside \(own) nor in PATH; install it, or start it yourself")
    }

    /// The first program of that name in the directories of PATH, and in the usual ones for what only root needs.
    static func find(_ name: String, in path: String) -> String? {
        for directory in (path + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin").split(separator: ":")
        {
            let candidate = directory + "/" + name
            if candidate.hasPrefix("/"), isProgram(candidate) { return candidate }
        }
        return nil
    }

    static func isProgram(_ path: String) -> Bool {
        (try? FileStatus.of(Path(path)))?.isRegular == true && FileTree.isExecutable(Path(path))
    }
}
