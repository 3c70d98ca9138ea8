// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CBench
import Glibc

/// A process in the container that reads when told to.
struct Reader {
    static let bufferSize = 65536

    let slot: UnsafeMutablePointer<cbench_slot>
    let samples: UnsafeMutablePointer<UInt32>
    let paths: [UnsafeMutablePointer<CChar>]
    let buffer: UnsafeMutableRawPointer

    /// Takes orders until the pipe closes.
    func run(orders: Int32, done: Int32) {
        var byte: UInt8 = 0
        while read(orders, &byte, 1) == 1 {
            cbench_set_cpu(slot.pointee.cpu)
            slot.pointee.error = 0
            burst()
            write(done, &byte, 1)
        }
    }

    private func burst() {
        let path = paths[Int(slot.pointee.path)]
        let isStdio = slot.pointee.pattern == 1
        let period = slot.pointee.period_ns
        let cpuBefore = cbench_cpu_ns(0)
        let start = cbench_now()
        let deadline = start + slot.pointee.duration_ns
        var count = 0
        var before = start
        var cpuOfReads: Int64 = 0
        while before < deadline, count < Int(CBENCH_SAMPLES) {
            var cpuThen: Int64 = 0
            if period > 0 {
                cbench_sleep_until(start + UInt64(count + 1) * period)
                cpuThen = cbench_cpu_ns(0)
                before = cbench_now()
            }
            guard isStdio ? readAsStdio(path) : readWhole(path) else { break }
            let after = cbench_now()
            if period > 0 { cpuOfReads += cbench_cpu_ns(0) - cpuThen }
            samples[count] = UInt32(truncatingIfNeeded: min(after - before, UInt64(UInt32.max)))
            count += 1
            before = after
        }
        slot.pointee.reads = UInt64(count)
        slot.pointee.started_ns = start
        slot.pointee.ended_ns = before
        slot.pointee.cpu_ns = UInt64(max(period > 0 ? cpuOfReads : cbench_cpu_ns(0) - cpuBefore, 0))
    }

    private func readWhole(_ path: UnsafeMutablePointer<CChar>) -> Bool {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return fail(errno) }
        let count = read(fd, buffer, Self.bufferSize)
        guard count >= 0 else { return fail(errno, closing: fd) }
        close(fd)
        slot.pointee.bytes = UInt64(count)
        return true
    }

    private func readAsStdio(_ path: UnsafeMutablePointer<CChar>) -> Bool {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return fail(errno) }
        var status = stat()
        fstat(fd, &status)
        var total = 0
        while true {
            let count = read(fd, buffer, 4096)
            guard count >= 0 else { return fail(errno, closing: fd) }
            if count == 0 { break }
            total += count
        }
        close(fd)
        slot.pointee.bytes = UInt64(total)
        return true
    }

    private func fail(_ error: Int32, closing fd: Int32 = -1) -> Bool {
        if fd >= 0 { close(fd) }
        slot.pointee.error = error
        return false
    }
}
