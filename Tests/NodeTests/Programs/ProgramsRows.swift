// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

private typealias Look = ProgramsText

extension ProgramsRow {
    static let rows: [ProgramsRow] = memory + cpus + times + python + runtimes + gaps
    /// All the programs, so that no row is left out unsaid.
    static let needed = ["runc"] + rows.map(\.program)

    private static let memory: [ProgramsRow] = [
        ProgramsRow(command: "free -b", looks: [.meminfo]) { text, facts in
            let words = Look.words(text, "Mem:").compactMap(Double.init)
            guard words.count == 6 else { return "no Mem: line" }
            return Look.first(
                Look.near(words[0], Double(facts.memory), 0),
                words[0] >= words[5] && words[5] >= words[2] ? nil : "available is not between free and total",
                Look.words(text, "Swap:").dropFirst().first == "0" ? nil : "there is no swap"
            )
        },
        ProgramsRow(command: "free -m", looks: [.meminfo]) { text, facts in
            Look.near(Look.words(text, "Mem:").dropFirst().first.flatMap(Double.init), Double(facts.memory >> 20), 0)
        },
        ProgramsRow(command: "vmstat -s", looks: [.meminfo, .stat]) { text, facts in
            Look.near(Look.words(text, "total memory").first.flatMap(Double.init), Double(facts.memory >> 10), 0)
        },
        ProgramsRow(command: "top -bn1", looks: [.meminfo, .stat, .uptime, .loadavg]) { text, facts in
            Look.first(
                Look.near(
                    Look.words(text, "MiB Mem").dropFirst(3).first.flatMap(Double.init),
                    Double(facts.memory >> 20),
                    0.1
                ),
                text.range(of: "up 0 min") == nil ? "not up 0 min" : nil,
                text.range(of: "load average: 0.") == nil ? "no load below 1" : nil,
                text.range(of: "%Cpu(s)") == nil ? "no %Cpu(s)" : nil
            )
        },
        // One CPU alone is drawn as such; its meters are parsed loosely.
        ProgramsRow(
            command:
                "TERM=xterm script -qc 'stty cols 120 rows 40; timeout --foreground 4 htop -C -d 5' /dev/null < /dev/null",
            needs: "htop",
            looks: [.meminfo, .stat, .uptime, .loadavg]
        ) { text, facts in
            Look.first(
                text.range(of: "/\(facts.memory >> 20)M") == nil ? "no meter of \(facts.memory >> 20)M" : nil,
                text.range(of: "0K/0K") == nil ? "a swap meter that is not 0K/0K" : nil,
                text.range(of: "Load average") == nil ? "no load average" : nil
            )
        },
    ]

    private static let cpus: [ProgramsRow] = [
        ProgramsRow(command: "getconf _NPROCESSORS_ONLN", looks: [.online]) { Look.equal($0, $1.cpus) },
        ProgramsRow(command: "getconf _NPROCESSORS_CONF", looks: [.possible]) { Look.equal($0, $1.cpus) },
        ProgramsRow(command: "grep -c ^processor /proc/cpuinfo", looks: [.cpuinfo]) { Look.equal($0, $1.cpus) },
        ProgramsRow(command: "lscpu", looks: [.cpuinfo, .online, .possible, .cpuDirectories]) { text, facts in
            let list = facts.visible.map(String.init).joined(separator: ",")
            return Look.first(
                Look.equal(Look.words(text, "CPU(s):").last ?? "", facts.cpus),
                Look.equal(Look.words(text, "On-line CPU").last ?? "", list),
                Look.words(text, "Off-line CPU").isEmpty ? nil : "has CPUs off line",
                Look.words(text, "NUMA node0").last.map { $0 == list ? nil : "node 0 has \($0)" } ?? nil
            )
        },
        ProgramsRow(command: "lscpu -p=CPU", needs: "lscpu", looks: [.cpuDirectories]) { text, facts in
            Look.equal(
                text.split(separator: "\n").filter { !$0.hasPrefix("#") }.joined(separator: " "),
                facts.visible.map(String.init).joined(separator: " ")
            )
        },
        ProgramsRow(command: "mpstat -P ALL", looks: [.stat, .uptime, .cpuDirectories]) { text, facts in
            // After the heading: "all", then a line for each CPU.
            let numbers = text.split(separator: "\n").compactMap { line -> Int? in
                let words = line.split(separator: " ")
                return words.count > 4 ? Int(words[1]) : nil
            }
            return Look.first(
                text.range(of: "(\(facts.cpus) CPU)") == nil ? "not \(facts.cpus) CPU" : nil,
                numbers == facts.visible ? nil : "CPUs \(numbers)"
            )
        },
        ProgramsRow(command: "vmstat", looks: [.meminfo, .stat]) { text, facts in
            guard let line = text.split(separator: "\n").last else { return "nothing" }
            let words = line.split(separator: " ").compactMap { Double($0) }
            guard words.count >= 16 else { return "no line of numbers" }
            return Look.first(
                words[3] <= Double(facts.memory >> 10) ? nil : "more free than there is",
                Look.near(words[12...16].reduce(0, +), 100, 3)
            )
        },
        ProgramsRow(
            command: "stress-ng --cpu 0 --cpu-method nsqrt --timeout 1 --temp-path /tmp",
            needs: "stress-ng",
            looks: [.online, .possible]
        ) { text, facts in text.range(of: "\(facts.cpus) cpu") == nil ? "not \(facts.cpus) cpu" : nil },
    ]

    private static let times: [ProgramsRow] = [
        ProgramsRow(command: "uptime", looks: [.uptime, .loadavg]) { text, _ in
            text.range(of: "up 0 min") == nil ? "not up 0 min" : nil
        },
        ProgramsRow(
            command: "echo $(($(date +%s) - $(date -d \"$(uptime -s)\" +%s)))",
            needs: "uptime",
            looks: [.uptime]
        ) {
            text,
            facts in Look.near(Double(text.trimmed), facts.uptime, 3)
        },
        ProgramsRow(command: "w", looks: [.uptime, .loadavg]) { text, _ in
            text.range(of: "up 0 min") == nil ? "not up 0 min" : nil
        },
        ProgramsRow(command: "ps aux", looks: [.meminfo, .stat, .uptime, .processes]) { text, facts in
            let lines = text.split(separator: "\n").dropFirst().map { $0.split(separator: " ") }
            // %MEM is of the container's memory: RSS in kB, one decimal.
            let wrong = lines.first { words in
                guard words.count > 10, let share = Double(words[3]), let size = Double(words[5]) else { return true }
                return abs(share - size * 1024 * 100 / Double(facts.memory)) > 0.11
            }
            return lines.isEmpty ? "no process" : wrong.map { "%MEM of \($0.joined(separator: " "))" }
        },
        // What programs compute of it, whatever btime is: 40 s is what the slowest row takes.
        ProgramsRow(command: "mpstat", looks: [.stat, .uptime]) { text, facts in
            let words = Look.words(text, " all ")
            guard words.count > 10 else { return "no line for all" }
            return Look.near(words.dropFirst(2).compactMap(Double.init).reduce(0, +), 100, 1)
        },
        ProgramsRow(command: "iostat -c", needs: "iostat", looks: [.stat, .uptime]) { text, facts in
            text.range(of: "(\(facts.cpus) CPU)") == nil ? "not \(facts.cpus) CPU" : nil
        },
    ]

    private static func psutil(
        _ expression: String,
        _ looks: [Place],
        isGap: Bool = false,
        _ judge: @escaping @Sendable (String, ProgramsFacts) -> String?
    )
        -> ProgramsRow
    {
        ProgramsRow(
            command: "/usr/bin/python3 -c 'import os, time, psutil; print(\(expression))'",
            needs: "python3",
            looks: looks,
            isGap: isGap,
            judge: judge
        )
    }

    private static let python: [ProgramsRow] = [
        psutil("os.cpu_count()", [.online]) { Look.equal($0, $1.cpus) },
        psutil("psutil.cpu_count()", [.online]) { Look.equal($0, $1.cpus) },
        psutil("psutil.virtual_memory().total", [.meminfo]) { Look.equal($0, $1.memory) },
        psutil("psutil.virtual_memory().available <= psutil.virtual_memory().total", [.meminfo]) { text, _ in
            Look.equal(text, "True")
        },
        psutil("psutil.swap_memory().total", [.meminfo]) { text, _ in Look.equal(text, 0) },
        psutil("len(psutil.cpu_times(percpu=True))", [.stat]) { Look.equal($0, $1.cpus) },
        psutil("sum(psutil.cpu_times())", [.stat]) { Look.near(Double($0.trimmed), $1.uptime * Double($1.cpus), 3) },
        psutil("psutil.disk_io_counters() is None or psutil.disk_io_counters().read_count < 100000", [.diskstats]) {
            text,
            _ in
            Look.equal(text, "True")
        },
        // Whatever btime is: with /proc/PID/stat it makes the moment a process started.
        psutil(
            "round(psutil.Process(1).create_time() - psutil.boot_time() - "
                + "int(open(\"/proc/1/stat\").read().split()[21]) / 100)",
            [.stat, .processes]
        ) { text, _ in Look.equal(text, 0) },
    ]

    /// What the rows of Java run: the processors, and the bytes of heap at most, each on a line.
    static let javaSource = """
        public class A {
            public static void main(String[] arguments) {
                System.out.println(Runtime.getRuntime().availableProcessors());
                System.out.println(Runtime.getRuntime().maxMemory());
            }
        }
        """
    /// Where they find it compiled.
    static let javaClasses = "/run/java"

    private static func java(
        _ options: String,
        _ looks: [Place],
        isGap: Bool = false,
        _ judge: @escaping @Sendable (_ processors: Substring, _ heap: Double, ProgramsFacts) -> String?
    ) -> ProgramsRow {
        ProgramsRow(command: "java \(options) -cp \(javaClasses) A", needs: "java", looks: looks, isGap: isGap) {
            text,
            facts in
            let lines = text.split(separator: "\n")
            guard lines.count == 2, let processors = lines.first, let heap = lines.last.flatMap({ Double($0) }) else {
                return "not two numbers"
            }
            return judge(processors, heap, facts)
        }
    }

    private static let runtimes: [ProgramsRow] = [
        // A quarter of the memory; half of it where that is little.
        java("", [.cgroup, .affinity]) { processors, heap, facts in
            let memory = Double(facts.memory)
            return Look.first(
                Look.equal(String(processors), facts.cpus),
                heap >= memory * 0.2 && heap <= memory * 0.55 ? nil : "a heap of \(heap) of \(memory)"
            )
        },
        ProgramsRow(command: "node -p 'require(\"os\").cpus().length'", looks: [.stat, .cpuinfo]) {
            Look.equal($0, $1.cpus)
        },
        ProgramsRow(command: "node -p 'require(\"os\").totalmem()'", looks: [.meminfo]) { Look.equal($0, $1.memory) },
        ProgramsRow(command: "node -p 'require(\"os\").freemem() <= require(\"os\").totalmem()'", looks: [.meminfo]) {
            text,
            _ in Look.equal(text, "true")
        },
        // Beside the file at once: emulated, Node.js takes seconds to begin and to end.
        ProgramsRow(
            command: "node -p 'require(\"os\").uptime() - parseFloat(require(\"fs\").readFileSync(\"/proc/uptime\"))'",
            looks: [.uptime]
        ) { text, _ in Look.near(Double(text.trimmed), 0, 1) },
    ]

    /// What they print is the host's: they ask the kernel, or a file that is not ours to give.
    private static let gaps: [ProgramsRow] = [
        ProgramsRow(command: "nproc", looks: [.affinity], isGap: true) { Look.equal($0, $1.affinity) },
        ProgramsRow(command: "busybox free", looks: [.sysinfo, .meminfo], isGap: true) { text, facts in
            Look.near(
                Look.words(text, "Mem:").dropFirst().first.flatMap(Double.init),
                Double(facts.hostMemory >> 10),
                Double(facts.hostMemory >> 10) / 50
            )
        },
        ProgramsRow(command: "getconf _PHYS_PAGES", looks: [.sysinfo], isGap: true) { text, facts in
            Look.near(Double(text.trimmed), Double(facts.hostMemory >> 12), Double(facts.hostMemory >> 12) / 50)
        },
        // glibc's getloadavg(3); the host is busier than a container that has just begun.
        psutil("os.getloadavg()[0]", [.sysinfo], isGap: true) { Look.near(Double($0.trimmed), $1.hostLoad, 1) },
        // The devices of /sys/block, with what the host did.
        ProgramsRow(command: "iostat -d", looks: [.sysBlock], isGap: true) { text, _ in
            let disks = text.split(separator: "\n").filter { $0.split(separator: " ").count > 6 }.dropFirst()
            return disks.isEmpty ? "no device: no gap any more" : nil
        },
        // Blocks in and out since the host's boot, by the container's uptime.
        ProgramsRow(command: "vmstat -n", looks: [.vmstat], isGap: true) { text, _ in
            let words =
                text.split(separator: "\n").last.map { $0.split(separator: " ").compactMap { Double($0) } } ?? []
            return words.count > 9 && words[8] + words[9] > 0 ? nil : "no blocks: no gap any more"
        },
        java("-XX:-UseContainerSupport", [.sysinfo, .affinity], isGap: true) { processors, heap, facts in
            Look.first(
                Look.equal(String(processors), facts.affinity),
                heap > Double(facts.hostMemory) * 0.2 ? nil : "a heap of \(heap): no gap any more"
            )
        },
    ]
}
