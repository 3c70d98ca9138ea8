// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel

/// A verb that is a program of its own, in libexec/umwelt: what faces Kubernetes needs YAML and gRPC, which are not here.
enum ServiceProgram {
    /// The verbs, with what help says of them.
    static let verbs = ["dns", "pod"]

    /// The program's arguments where the command line names such a verb: `umwelt dns ...`, `umwelt help dns ...`.
    static func arguments(_ commandLine: [String]) -> (verb: String, rest: [String])? {
        var words = commandLine.dropFirst()
        var isHelp = false
        if words.first == "help" {
            isHelp = true
            words = words.dropFirst()
        }
        guard let verb = words.first, verbs.contains(verb) else { return nil }
        return (verb, (isHelp ? ["help"] : []) + words.dropFirst())
    }

    /// Becomes the program; returns only by throwing.
    static func become(_ verb: String, _ rest: [String]) throws(Failure) -> Never {
        let file = try find("umwelt-" + verb)
        // SAFETY: the strings were copied for this call and end in NUL, the array in nil; after a failure the process ends.
        var pointers: [UnsafeMutablePointer<CChar>?] = unsafe ([file] + rest).map { word in unsafe strdup(word) }
        unsafe pointers.append(nil)
        unsafe execv(file, pointers)
        throw .failed("cannot execute \(file): \(Errno(rawValue: errno))")
    }

    /// Where an installation has it, beside this program, or in the build tree that this program is in.
    private static func find(_ name: String) throws(Failure) -> String {
        let own = try Programs.own()
        let directory = own.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        let places = [
            "/../libexec/umwelt", "", "/../../../Services/.build/release", "/../../../Services/.build/debug",
        ]
        for place in places {
            let candidate = CleanPath.absolute(directory + place + "/" + name)
            if Programs.isProgram(candidate) { return candidate }
        }
        throw .failed(
            "\(name) is not in \(CleanPath.absolute(directory + "/../libexec/umwelt")): build it with 'make services', "
                + "install it with 'make install'"
        )
    }
}
