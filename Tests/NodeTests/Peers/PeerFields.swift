// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// The fields of one file by name, as text: `MemTotal`, `cpu0.user`, `vda.reads`, in the order of the file.
struct PeerFields {
    private(set) var names: [String] = []
    private var values: [String: String] = [:]

    subscript(name: String) -> String? { values[name] }

    func number(_ name: String) -> Double? { values[name].flatMap(Double.init) }

    func integer(_ name: String) -> UInt64? { values[name].flatMap { UInt64($0) } }

    private mutating func add(_ name: some StringProtocol, _ value: some StringProtocol) {
        let name = String(name)
        if values.updateValue(String(value), forKey: name) == nil { names.append(name) }
    }

    static let cpuColumns = [
        "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice",
    ]
    static let diskColumns = [
        "reads", "readsMerged", "sectorsRead", "readMs", "writes", "writesMerged", "sectorsWritten", "writeMs",
        "inFlight", "ioMs", "weightedMs", "discards", "discardsMerged", "sectorsDiscarded", "discardMs", "flushes",
        "flushMs",
    ]

    /// `file` is the path below the mount: `proc/meminfo`, `sys/devices/system/cpu/online`.
    init(_ file: String, _ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: true)
        switch file {
        case "proc/meminfo": for line in lines { addColon(line) }
        case "proc/stat": for line in lines { addStat(line) }
        case "proc/cpuinfo": addCPUInfo(text)
        case "proc/uptime": addWords(lines.first ?? "", ["up", "idle"])
        case "proc/loadavg":
            let line = String((lines.first ?? "").map { $0 == "/" ? " " : $0 })
            addWords(line[...], ["load1", "load5", "load15", "running", "threads", "lastPid"])
        case "proc/diskstats":
            for line in lines {
                let words = line.split(separator: " ")
                guard words.count > 3 else { continue }
                // Devices that nothing was read from or written to have a line in the peer's file, none in ours.
                guard words.dropFirst(3).contains(where: { $0 != "0" }) else { continue }
                for (column, value) in zip(Self.diskColumns, words.dropFirst(3)) { add("\(words[2]).\(column)", value) }
            }
        case "proc/swaps":
            add("lines", "\(lines.count)")
            for line in lines.dropFirst() {
                let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
                for (column, value) in zip(["name", "type", "size", "used", "priority"], words) { add(column, value) }
            }
        case "proc/slabinfo": add("caches", "\(max(lines.count - 2, 0))")
        case _ where file.hasPrefix("proc/pressure/"):
            for line in lines {
                let words = line.split(separator: " ")
                for word in words.dropFirst() {
                    let parts = word.split(separator: "=")
                    if parts.count == 2, let kind = words.first { add("\(kind).\(parts[0])", parts[1]) }
                }
            }
        default: add("content", lines.joined(separator: "\n"))
        }
    }

    /// The numbers of the CPUs that have a `cpuN` line (stat) or a block (cpuinfo).
    var cpus: [Int] {
        names.compactMap { name in
            guard name.hasPrefix("cpu"), let dot = name.firstIndex(of: "."),
                name.hasSuffix(".user") || name.hasSuffix(".processor")
            else { return nil }
            return Int(name[name.index(name.startIndex, offsetBy: 3)..<dot])
        }
    }

    private mutating func addColon(_ line: Substring) {
        guard let colon = line.firstIndex(of: ":") else { return add("unreadable", line) }
        let words = line[line.index(after: colon)...].split(separator: " ")
        add(line[..<colon], words.first ?? "")
    }

    private mutating func addWords(_ line: Substring, _ columns: [String]) {
        for (column, value) in zip(columns, line.split(separator: " ")) { add(column, value) }
    }

    private mutating func addStat(_ line: Substring) {
        let words = line.split(separator: " ")
        guard let key = words.first else { return }
        if key.hasPrefix("cpu") {
            for (column, value) in zip(Self.cpuColumns, words.dropFirst()) { add("\(key).\(column)", value) }
        } else {
            add(key, words.count > 1 ? words[1] : "")
        }
    }

    private mutating func addCPUInfo(_ text: String) {
        var processor = ""
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            var key = line[..<colon]
            while let last = key.last, last == "\t" || last == " " { key = key.dropLast() }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            if key == "processor" { processor = String(value) }
            add("cpu\(processor).\(key)", value)
        }
    }
}
