// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import Samples

/// From an option's text to its value; what is wrong is said in one sentence.
enum RunParsing {
    static func size(_ text: String) throws -> ByteSize {
        guard let size = ByteSize(text) else {
            throw ValidationError("a size is a number of bytes, or one with K, M, G or T, such as 256M or 1.5G")
        }
        return size
    }

    static func memory(_ text: String) throws -> ByteSize {
        let size = try size(text)
        // Below this the runtime's own first process is killed before it becomes the command.
        guard size.bytes >= 6 << 20 else { throw ValidationError("a container needs 6M of memory at least") }
        return size
    }

    static func cpus(_ text: String) throws -> CPUAmount {
        guard let amount = CPUAmount(text) else {
            throw ValidationError("an amount of CPUs is a number such as 2 or 0.5, and 0.01 at least")
        }
        return amount
    }

    static func cpuset(_ text: String) throws -> CPUSet {
        let numbers = text.split { $0 == "," || $0 == "-" }
        guard numbers.allSatisfy({ Int($0).map { $0 < CPUSet.capacity } ?? false }),
            let set = CPUSet(parsingList: Array(text.utf8).span), !set.isEmpty
        else { throw ValidationError("a CPU set is a list of numbers and ranges such as 0-3,6") }
        return set
    }

    static func pids(_ text: String) throws -> Int64 {
        guard let number = Int64(text), number > 0, number <= 4_194_304 else {
            throw ValidationError("a number of processes is between 1 and 4194304")
        }
        return number
    }

    static func name(_ text: String) throws -> String {
        guard ContainerName.isValid(text) else { throw ValidationError(ContainerName.rule) }
        return text
    }

    static func hostname(_ text: String) throws -> String {
        guard !text.isEmpty, text.utf8.count <= 64, !text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x2f }) else {
            throw ValidationError("a host name has 1 to 64 bytes, without blanks and slashes")
        }
        return text
    }

    static func env(_ text: String) throws -> EnvironmentOption {
        guard let option = EnvironmentOption(text) else {
            throw ValidationError("a variable is NAME=value, or NAME for the caller's own value")
        }
        return option
    }

    static func volume(_ text: String) throws -> Volume {
        do throws(Volume.Problem) { return try Volume(text) } catch { throw ValidationError(error.text) }
    }

    static func workdir(_ text: String) throws -> String {
        guard text.hasPrefix("/") else { throw ValidationError("a working directory begins with /") }
        return CleanPath.absolute(text)
    }

    static func user(_ text: String) throws -> UserID {
        guard let user = UserID(text) else { throw ValidationError("a user is UID or UID:GID, in numbers") }
        return user
    }

    static func stateDirectory(_ text: String) throws -> String {
        guard text.hasPrefix("/"), text.utf8.count <= 80 else {
            throw ValidationError("the state directory is an absolute path of at most 80 bytes")
        }
        return CleanPath.absolute(text)
    }
}
