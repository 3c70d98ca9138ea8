// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CBench
import Glibc

/// A container made directly: cgroups, a pid and a mount namespace, the files bound into that, and the readers.
final class Container {
    /// The number of a file in the readers' table.
    private var numbers: [String: UInt32] = [:]
    let group: ControlGroup
    /// The process outside that waits for the container's first one.
    private var keeper: Int32 = 0
    /// The container's first process, as the host numbers it.
    private(set) var first: Int32 = 0
    private let slots: UnsafeMutablePointer<cbench_slot>
    private let samples: UnsafeMutablePointer<UInt32>
    private let buffers: UnsafeMutableRawPointer
    private var orders: [Int32] = []
    private var doneEnd: Int32 = -1
    private var goEnd: Int32 = -1

    /// Makes its cgroups; the processes come with `start`.
    init(_ hierarchies: Hierarchies, cpus: Int) throws {
        let readers = Int(CBENCH_READERS)
        let slotBytes = readers * MemoryLayout<cbench_slot>.stride
        let sampleBytes = readers * Int(CBENCH_SAMPLES) * MemoryLayout<UInt32>.stride
        guard let memory = cbench_shared(slotBytes), let sampleMemory = cbench_shared(sampleBytes),
            let buffers = cbench_shared(readers * Reader.bufferSize)
        else {
            throw Failure("no memory to share with the readers")
        }
        slots = memory.bindMemory(to: cbench_slot.self, capacity: readers)
        samples = sampleMemory.bindMemory(to: UInt32.self, capacity: readers * Int(CBENCH_SAMPLES))
        self.buffers = buffers
        group = try ControlGroup(hierarchies, name: "box", cpus: cpus)
    }

    /// Starts the first process.
    ///
    /// `register` is called with its number, before any file is bound; then the files of
    /// `binds` are bound into `directory`, all at paths of one length, and known to `burst` by their names.
    func start(
        directory: String,
        binds: [(source: String, name: String)],
        register: (Int32) throws -> Void
    ) throws {
        var (pidRead, pidWrite, goRead, goWrite) = (Int32(0), Int32(0), Int32(0), Int32(0))
        var (doneRead, doneWrite) = (Int32(0), Int32(0))
        try System.check("make a pipe", cbench_pipe(&pidRead, &pidWrite))
        try System.check("make a pipe", cbench_pipe(&goRead, &goWrite))
        try System.check("make a pipe", cbench_pipe(&doneRead, &doneWrite))
        var orderReads: [Int32] = []
        for _ in 0..<Int(CBENCH_READERS) {
            var (end, start) = (Int32(0), Int32(0))
            try System.check("make a pipe", cbench_pipe(&end, &start))
            orderReads.append(end)
            orders.append(start)
        }
        for (index, bind) in binds.enumerated() { numbers[bind.name] = UInt32(index) }
        keeper = try System.check("fork", cbench_fork())
        if keeper == 0 {
            cbench_become_child()
            for end in orders + [doneRead, goWrite, pidRead] { close(end) }
            guard group.join(), cbench_unshare(1, 1, 1) == 0, cbench_private_mounts() == 0 else { _exit(1) }
            var child = cbench_fork()
            if child == 0 {
                cbench_become_child()
                firstProcess(directory, binds, go: goRead, orders: orderReads, done: doneWrite)
            }
            for end in orderReads + [doneWrite, goRead] { close(end) }
            write(pidWrite, &child, 4)
            close(pidWrite)
            var status: Int32 = 0
            if child > 0 { cbench_wait(child, 1, &status) }
            _exit(0)
        }
        for end in orderReads + [doneWrite, goRead, pidWrite] { close(end) }
        defer { close(pidRead) }
        (doneEnd, goEnd) = (doneRead, goWrite)
        guard read(pidRead, &first, 4) == 4, first > 0 else {
            throw Failure("the container's first process did not start")
        }
        try register(first)
        var byte: UInt8 = 1
        write(goEnd, &byte, 1)
        try waitForReader("the container's files")
    }

    /// Waits for one byte of a reader.
    private func waitForReader(_ what: String, milliseconds: Int32 = 20_000) throws {
        let ready = cbench_readable(doneEnd, milliseconds)
        try System.checkSignals()
        var byte: UInt8 = 0
        guard ready > 0, read(doneEnd, &byte, 1) == 1, byte == 1 else { throw Failure("no answer: \(what)") }
    }

    private func firstProcess(
        _ directory: String,
        _ binds: [(source: String, name: String)],
        go: Int32,
        orders: [Int32],
        done: Int32
    ) -> Never {
        var byte: UInt8 = 0
        guard read(go, &byte, 1) == 1, cbench_tmpfs(directory) == 0 else { _exit(1) }
        var paths: [UnsafeMutablePointer<CChar>] = []
        for bind in binds {
            let target = "\(directory)/\(paths.count)"
            close(open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644))
            guard cbench_bind(bind.source, target) == 0, let path = strdup(target) else {
                System.say("umwelt-bench: cannot bind \(bind.source)")
                _exit(1)
            }
            paths.append(path)
        }
        useDisk()
        for index in 0..<Int(CBENCH_READERS) where cbench_fork() == 0 {
            cbench_become_child()
            let reader = Reader(
                slot: slots + index,
                samples: samples + index * Int(CBENCH_SAMPLES),
                paths: paths,
                buffer: buffers + index * Reader.bufferSize
            )
            reader.run(orders: orders[index], done: done)
            _exit(0)
        }
        byte = 1
        write(done, &byte, 1)
        while true { pause() }
    }

    /// Reads a block of the first disk there is, so that diskstats has a line.
    private func useDisk() {
        for line in (System.text(of: "/proc/diskstats") ?? "").split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count > 3, fields[3] != "0", cbench_read_device("/dev/\(fields[2])") > 0 { return }
        }
    }

    /// What a reader in the container finds in a file.
    func content(_ file: String) throws -> String {
        _ = try burst(file, pattern: .whole, readers: 1, cpu: -1, durationNs: 1)
        return String(decoding: UnsafeRawBufferPointer(start: buffers, count: Int(slots[0].bytes)), as: UTF8.self)
    }

    /// Has `readers` read the file at once, for so long; daemons' CPU time is the caller's to take.
    func burst(
        _ file: String,
        pattern: Pattern,
        readers: Int,
        cpu: Int,
        durationNs: UInt64
    ) throws -> (reads: UInt64, wallNs: UInt64, cpuNs: UInt64, latenciesNs: [UInt32]) {
        guard let number = numbers[file] else { throw Failure("no file \(file)") }
        for index in 0..<readers {
            slots[index].path = number
            slots[index].pattern = pattern == .stdio ? 1 : 0
            slots[index].cpu = Int32(cpu)
            slots[index].period_ns = pattern.periodNs
            slots[index].duration_ns = durationNs
        }
        var byte: UInt8 = 1
        for index in 0..<readers { write(orders[index], &byte, 1) }
        for _ in 0..<readers { try waitForReader(file, milliseconds: Int32(durationNs / 1_000_000) + 20_000) }
        var (reads, cpuNs, started, ended) = (UInt64(0), UInt64(0), UInt64.max, UInt64(0))
        var latencies: [UInt32] = []
        for index in 0..<readers {
            let slot = slots[index]
            guard slot.error == 0, slot.reads > 0 else {
                throw Failure("cannot read \(file) in the container: \(System.words(ofError: slot.error))")
            }
            reads += slot.reads
            cpuNs += slot.cpu_ns
            started = min(started, slot.started_ns)
            ended = max(ended, slot.ended_ns)
            latencies += UnsafeBufferPointer(start: samples + index * Int(CBENCH_SAMPLES), count: Int(slot.reads))
        }
        return (reads, max(ended - started, 1), cpuNs, latencies)
    }

    func stop() {
        if first > 0 { kill(first, SIGKILL) }
        if keeper > 0 {
            if first <= 0 { kill(keeper, SIGKILL) }
            var status: Int32 = 0
            cbench_wait(keeper, 1, &status)
        }
        (first, keeper) = (0, 0)
        group.remove()
    }
}
