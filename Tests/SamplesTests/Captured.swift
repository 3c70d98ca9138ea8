// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What kernel 6.18 with cgroup v1 printed on a virtual machine of two CPUs and 24 GiB.
enum Captured {
    static let memoryStatV1 = """
        cache 9633792
        rss 7364608
        rss_huge 0
        shmem 9068544
        mapped_file 7618560
        dirty 102400
        writeback 0
        workingset_refault_anon 0
        workingset_refault_file 984
        swap 0
        swapcached 0
        pgpgin 38173
        pgpgout 34023
        pgfault 42018
        pgmajfault 0
        inactive_anon 0
        active_anon 1531904
        inactive_file 0
        active_file 565248
        unevictable 14901248
        hierarchical_memory_limit 9223372036854771712
        hierarchical_memsw_limit 9223372036854771712
        total_cache 903077888
        total_rss 21602304
        total_rss_huge 0
        total_shmem 9068544
        total_mapped_file 16101376
        total_dirty 6881280
        total_writeback 0
        total_workingset_refault_anon 0
        total_workingset_refault_file 1567598
        total_swap 0
        total_swapcached 0
        total_pgpgin 24979022
        total_pgpgout 24757742
        total_pgfault 32896914
        total_pgmajfault 8620
        total_inactive_anon 14077952
        total_active_anon 1568768
        total_inactive_file 362823680
        total_active_file 531181568
        total_unevictable 14901248

        """

    static let cpuacctUsageAll = """
        cpu user system
        0 254769558221 121501590209
        1 273050527240 214559348350

        """

    static let cpuacctUsagePercpu = """
        383309879863 492581235587\u{20}

        """

    static let cpuacctStat = """
        user 53515
        system 34073

        """

    static let cpuStatV2 = """
        usage_usec 863881024
        user_usec 527820085
        system_usec 336060938
        nice_usec 0

        """

    static let meminfo = """
        MemTotal:       24684092 kB
        MemFree:        23550476 kB
        MemAvailable:   24247040 kB
        Buffers:            5156 kB
        Cached:           876664 kB
        SwapCached:            0 kB
        Active:           520180 kB
        Inactive:         367960 kB
        Active(anon):       1528 kB
        Inactive(anon):    13656 kB
        Active(file):     518652 kB
        Inactive(file):   354304 kB
        Unevictable:       14552 kB
        Mlocked:           13624 kB
        SwapTotal:             0 kB
        SwapFree:              0 kB
        Zswap:                 0 kB
        Zswapped:              0 kB
        Dirty:              6700 kB
        Writeback:             0 kB
        AnonPages:         20980 kB
        Mapped:            15696 kB
        Shmem:              8856 kB
        KReclaimable:      80132 kB
        Slab:             108316 kB
        SReclaimable:      80132 kB
        SUnreclaim:        28184 kB
        KernelStack:        1384 kB
        PageTables:         1356 kB
        SecPageTables:         0 kB
        NFS_Unstable:          0 kB
        Bounce:                0 kB
        WritebackTmp:          0 kB
        CommitLimit:    12342044 kB
        Committed_AS:      67328 kB
        VmallocTotal:   34359738367 kB
        VmallocUsed:       14188 kB
        VmallocChunk:          0 kB
        Percpu:              688 kB
        AnonHugePages:         0 kB
        ShmemHugePages:        0 kB
        ShmemPmdMapped:        0 kB
        FileHugePages:         0 kB
        FilePmdMapped:         0 kB
        Balloon:               0 kB
        HugePages_Total:       0
        HugePages_Free:        0
        HugePages_Rsvd:        0
        HugePages_Surp:        0
        Hugepagesize:       2048 kB
        Hugetlb:               0 kB
        DirectMap4k:       30720 kB
        DirectMap2M:     2066432 kB
        DirectMap1G:    25165824 kB

        """

    static let nodeMeminfo = """
        Node 0 MemTotal:        7039188 kB
        Node 0 MemFree:         5905624 kB
        Node 0 MemUsed:         1133564 kB
        Node 0 SwapCached:            0 kB
        Node 0 Active:           520180 kB
        Node 0 Inactive:         367960 kB
        Node 0 Active(anon):       1528 kB
        Node 0 Inactive(anon):    13656 kB
        Node 0 Active(file):     518652 kB
        Node 0 Inactive(file):   354304 kB
        Node 0 Unevictable:       14552 kB
        Node 0 Mlocked:           13624 kB
        Node 0 Dirty:              6700 kB
        Node 0 Writeback:             0 kB
        Node 0 FilePages:        881820 kB
        Node 0 Mapped:            15696 kB
        Node 0 AnonPages:         20980 kB
        Node 0 Shmem:              8856 kB
        Node 0 KernelStack:        1384 kB
        Node 0 PageTables:         1356 kB
        Node 0 SecPageTables:         0 kB
        Node 0 NFS_Unstable:          0 kB
        Node 0 Bounce:                0 kB
        Node 0 WritebackTmp:          0 kB
        Node 0 KReclaimable:      80132 kB
        Node 0 Slab:             108316 kB
        Node 0 SReclaimable:      80132 kB
        Node 0 SUnreclaim:        28184 kB
        Node 0 AnonHugePages:         0 kB
        Node 0 ShmemHugePages:        0 kB
        Node 0 ShmemPmdMapped:        0 kB
        Node 0 FileHugePages:         0 kB
        Node 0 FilePmdMapped:         0 kB
        Node 0 HugePages_Total:     0
        Node 0 HugePages_Free:      0
        Node 0 HugePages_Surp:      0

        """

    static let stat = """
        cpu  52782 0 32721 501860 2578 0 885 102 0 0
        cpu0 25476 0 12040 257649 163 0 109 44 0 0
        cpu1 27305 0 20680 244210 2414 0 775 57 0 0
        intr 2240566 0 0 0 0 0
        ctxt 5501996
        btime 1795234940
        processes 123145
        procs_running 1
        procs_blocked 0
        softirq 1674915 0 99494 4 100752 933139 0 76 221666 0 319784

        """

    static let cpuinfoX86 = """
        processor\t: 0
        vendor_id\t: AuthenticAMD
        cpu family\t: 26
        model\t\t: 2
        model name\t: AMD EPYC
        stepping\t: 1
        microcode\t: 0x1000065
        cpu MHz\t\t: 2596.098
        cache size\t: 1024 KB
        physical id\t: 0
        siblings\t: 2
        core id\t\t: 0
        cpu cores\t: 2
        apicid\t\t: 0
        initial apicid\t: 0
        fpu\t\t: yes
        fpu_exception\t: yes
        cpuid level\t: 28
        wp\t\t: yes
        flags\t\t: fpu vme de pse tsc msr
        bugs\t\t: sysret_ss_attrs null_seg spectre_v1 spectre_v2 spec_store_bypass srso spectre_v2_user
        bogomips\t: 5192.19
        TLB size\t: 192 4K pages
        clflush size\t: 64
        cache_alignment\t: 64
        address sizes\t: 48 bits physical, 48 bits virtual
        power management:

        processor\t: 1
        vendor_id\t: AuthenticAMD
        cpu family\t: 26
        model\t\t: 2
        model name\t: AMD EPYC
        stepping\t: 1
        microcode\t: 0x1000065
        cpu MHz\t\t: 2596.098
        cache size\t: 1024 KB
        physical id\t: 0
        siblings\t: 2
        core id\t\t: 1
        cpu cores\t: 2
        apicid\t\t: 1
        initial apicid\t: 1
        fpu\t\t: yes
        fpu_exception\t: yes
        cpuid level\t: 28
        wp\t\t: yes
        flags\t\t: fpu vme de pse tsc msr
        bugs\t\t: sysret_ss_attrs null_seg spectre_v1 spectre_v2 spec_store_bypass srso spectre_v2_user
        bogomips\t: 5192.19
        TLB size\t: 192 4K pages
        clflush size\t: 64
        cache_alignment\t: 64
        address sizes\t: 48 bits physical, 48 bits virtual
        power management:


        """

    static let mountinfo = """
        22 27 0:21 / /proc rw,relatime - proc proc rw
        23 27 0:22 / /sys rw,relatime - sysfs sysfs rw
        27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard,resv_strict
        32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
        35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:7 master:1 - cgroup cgroup rw,memory
        40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
        90 27 0:50 /a\\040b /mnt/tab\\011nl\\012bs\\134 rw - tmpfs none rw,size=4k

        """

    static let pidCgroup = """
        9:name=systemd:/
        8:pids:/
        7:blkio:/
        6:freezer:/
        5:devices:/
        4:memory:/docker/2006f56c24357973701c43f3e592e511
        3:cpuset:/
        2:cpuacct:/
        1:cpu:/
        0::/

        """

    static let timensOffsets = """
        monotonic           0         0
        boottime            0         0

        """

    static let uptime = """
        2964.02 5018.60

        """

    static let loadavg = """
        0.21 0.26 0.38 1/85 25785

        """

    static let pressure = """
        some avg10=0.00 avg60=0.00 avg300=0.00 total=0
        full avg10=0.00 avg60=0.00 avg300=0.00 total=0

        """
}
