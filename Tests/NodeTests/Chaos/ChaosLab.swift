// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import NodeLink

/// Containers that read every file as fast as they can, and look at what they get.
final class ChaosLab {
    /// One of them.
    struct Reader {
        var container: LabContainer
        var memoryKB: UInt64
    }

    let lab: DaemonLab
    private(set) var readers: [Reader] = []

    var program: Path { lab.directory.appending("read.awk") }
    var stopFile: Path { lab.directory.appending("stop") }

    init(_ lab: DaemonLab) throws {
        self.lab = lab
        try FileTree.write(Array(Self.awk.utf8), to: program, mode: 0o644)
    }

    /// Makes a container with our files over the kernel's, by its path (`id`), or by its caller where that is nil.
    func add(memoryMB: UInt64, id: String?, source: Path? = nil) throws {
        let number = readers.count
        let cgroup = try lab.cgroup("r\(number)")
        try cgroup.limitMemory(memoryMB << 20)
        let container = try lab.container(in: cgroup)
        if let id { try lab.register(id, pid: container.initPID) }
        let files = source ?? (id.map { lab.mount.appending(Path("containers/\($0)")) } ?? lab.mount)
        let output = try container.shell.run(
            """
            set -e
            for f in meminfo stat uptime loadavg cpuinfo diskstats swaps pressure/cpu pressure/memory; do
              [ ! -e /proc/$f ] || [ ! -e \(files)/proc/$f ] || mount --bind \(files)/proc/$f /proc/$f
            done
            mount --bind \(files)/sys/devices/system/cpu /sys/devices/system/cpu; set +e
            """
        )
        guard output.code == 0 else { throw LabError("cannot bind the files: \(output.text)") }
        readers.append(Reader(container: container, memoryKB: memoryMB << 10))
    }

    /// Has them all begin.
    func begin() throws {
        try? Directories.unlink(stopFile)
        for reader in readers {
            try reader.container.shell.begin("awk -v total=\(reader.memoryKB) -v stop=\(stopFile) -f \(program)")
        }
    }

    /// What they counted: reads, and the first of what was wrong.
    func end(seconds: Int = 30) throws -> (reads: Int, wrong: [String]) {
        try FileTree.write(Array("stop\n".utf8), to: stopFile, mode: 0o644)
        var result: (reads: Int, wrong: [String]) = (0, [])
        for (number, reader) in readers.enumerated() {
            let output = try reader.container.shell.result(seconds: seconds)
            if output.code != 0 { result.wrong.append("reader \(number) ended with \(output.code)") }
            for line in output.text.split(separator: "\n") {
                if line.hasPrefix("reads "), let count = Int(line.dropFirst(6)) {
                    result.reads += count
                } else {
                    result.wrong.append("reader \(number): \(line)")
                }
            }
        }
        return result
    }

    // MARK: How long reads wait

    /// What a container noted that reads one file every 2 ms.
    struct Waits: CustomStringConvertible {
        /// All reads, by their length in units of 10 microseconds.
        fileprivate(set) var lengths: [Int: Int] = [:]
        /// Those of 2 ms and more, by when they began and ended, in nanoseconds of the monotonic clock.
        fileprivate(set) var long: [(start: UInt64, end: UInt64)] = []

        /// The length in milliseconds below which this part of all reads is.
        func quantile(_ part: Double) -> Double {
            var left = Double(lengths.values.reduce(0, +)) * part
            for (length, count) in lengths.sorted(by: { $0.key < $1.key }) {
                left -= Double(count)
                if left <= 0 { return Double(length) / 100 }
            }
            return 0
        }

        /// How long the read took that met each of these moments, in milliseconds, the shortest first; those of less than 2 ms
        /// as 0.
        func atMoments(_ moments: [UInt64]) -> [Double] {
            moments.map { moment in
                let met = long.filter { $0.end > moment && $0.start < moment + 100_000_000 }
                return Double(met.map { $0.end - $0.start }.max() ?? 0) / 1e6
            }.sorted()
        }

        var description: String {
            "p50 \(quantile(0.5)) ms, p99 \(quantile(0.99)) ms, longest \(quantile(1)) ms"
        }
    }

    /// Has one more container begin with that.
    func measure(memoryMB: UInt64) throws -> LabShell {
        try add(memoryMB: memoryMB, id: "clock")
        let reader = readers.removeLast()
        let script = lab.directory.appending("clock.pl")
        try FileTree.write(Array(Self.perl.utf8), to: script, mode: 0o644)
        try reader.container.shell.begin(
            "n=228; [ $(uname -m) = x86_64 ] || n=113; perl \(script) \(stopFile) $n"
        )
        return reader.container.shell
    }

    /// After `end`.
    func waits(of shell: LabShell) throws -> Waits {
        var waits = Waits()
        let output = try shell.result(seconds: 30)
        guard output.code == 0 else { throw LabError("the clock ended: \(output.text.prefix(1000))") }
        for line in output.text.split(separator: "\n") {
            let words = line.split(separator: " ").dropFirst().compactMap { UInt64($0) }
            guard words.count == 2 else { throw LabError("the clock: \(line)") }
            if line.hasPrefix("long ") {
                waits.long.append((words[0], words[0] + words[1]))
            } else {
                waits.lengths[Int(words[0])] = Int(words[1])
            }
        }
        return waits
    }

    private static let perl = #"""
        # clock_gettime(2) of the monotonic clock: Time::HiRes is not everywhere.
        sub now { my $time = "\0" x 16; syscall($ARGV[1] + 0, 1, $time); my ($s, $ns) = unpack "qq", $time; $s + $ns / 1e9 }
        my (%lengths, @long);
        until (-e $ARGV[0]) {
            my $start = now();
            open my $file, "<", "/proc/meminfo" or die "cannot open: $!";
            sysread($file, my $text, 65536) > 1000 or die "cannot read: $!";
            close $file;
            my $length = now() - $start;
            $lengths{int($length * 1e5)}++;
            push @long, sprintf "long %d %d\n", $start * 1e9, $length * 1e9 if $length >= 0.002;
            select undef, undef, undef, 0.002;
        }
        print @long, map { "length $_ $lengths{$_}\n" } keys %lengths;
        """#

    /// Whether each of them reads its own memory now.
    func allRead() throws -> Bool {
        for reader in readers {
            let output = try reader.container.shell.run("cat /proc/meminfo && cat /sys/devices/system/cpu/online")
            guard output.code == 0, output.number("MemTotal:") == reader.memoryKB else { return false }
        }
        return true
    }

    /// Processes of the containers that wait without end (state D), by their numbers.
    var stuck: [Int32] {
        readers.flatMap(\.container.cgroup.processes).filter { pid in
            let status = (try? Fd.contents(of: Path("/proc/\(pid)/status"), limit: 4096)) ?? []
            return String(decoding: status, as: UTF8.self).contains("State:\tD")
        }
    }

    /// Each file's form and what of its values is known; any other line it prints is something wrong.
    private static let awk = """
        function bad(why) { print file ": " why; fflush(); if (++wrongs > 20) exit 1 }
        function load(f,    l, r) {
          file = f; n = 0
          while ((r = (getline l < f)) > 0) line[++n] = l
          close(f); reads++
          if (r < 0) bad("cannot be read")
          return r == 0
        }
        function known(f) { if (!(f in lines)) lines[f] = n; if (n != lines[f]) bad(n " lines, not " lines[f]) }
        BEGIN {
          have = (getline l < "/proc/pressure/cpu") > 0; close("/proc/pressure/cpu")
          while (1) {
            if (load("/proc/meminfo")) {
              known(file); split(line[1], w, " ")
              if (w[1] != "MemTotal:" || w[2] != total || w[3] != "kB") bad(line[1] ", not " total)
              for (i = 1; i <= n; i++)
                if (line[i] !~ /^[A-Za-z_0-9()]+: +[0-9]+( kB)?$/) bad("line " i ": " line[i])
            }
            if (load("/proc/stat")) {
              known(file)
              if (split(line[1], w, " ") != 11 || w[1] != "cpu") bad("first line " line[1])
              if (w[2] + w[4] < before["stat"]) bad("went back from " before["stat"] " to " w[2] + w[4])
              before["stat"] = w[2] + w[4]
              if (line[n] !~ /^softirq( [0-9]+)+$/) bad("last line " line[n])
              for (i = 1; i <= n; i++) if (line[i] !~ /^[a-z_]+[0-9]*( +[0-9]+)+$/) bad("line " i ": " line[i])
            }
            if (load("/proc/uptime")) {
              if (n != 1 || line[1] !~ /^[0-9]+\\.[0-9][0-9] [0-9]+\\.[0-9][0-9]$/) bad(n " lines: " line[1])
              split(line[1], w, " ")
              if (w[1] + 0 < before["uptime"] + 0) bad("went back from " before["uptime"] " to " w[1])
              before["uptime"] = w[1]
            }
            if (load("/proc/loadavg") && (n != 1 || line[1] !~ /^[0-9.]+ [0-9.]+ [0-9.]+ [0-9]+\\/[0-9]+ [0-9]+$/))
              bad(n " lines: " line[1])
            if (load("/proc/cpuinfo")) {
              known(file); cpus = 0
              for (i = 1; i <= n; i++) if (line[i] ~ /^processor[ \\t]*:/) cpus++
              if (cpus < 1) bad("no processor")
            }
            if (load("/proc/diskstats"))
              for (i = 1; i <= n; i++) if (split(line[i], w, " ") < 14) bad("line " i ": " line[i])
            if (load("/proc/swaps")) { known(file); if (line[1] !~ /^Filename/) bad("first line " line[1]) }
            if (have && load("/proc/pressure/cpu")) {
              known(file); if (line[1] !~ /^some avg10=[0-9.]+ avg60=[0-9.]+ avg300=[0-9.]+ total=[0-9]+$/) bad(line[1])
            }
            if (load("/sys/devices/system/cpu/online") && (n != 1 || line[1] !~ /^[0-9,-]+$/)) bad(n " lines: " line[1])
            if ((getline l < stop) > 0) break
            close(stop)
          }
          print "reads " reads
        }

        """
}
