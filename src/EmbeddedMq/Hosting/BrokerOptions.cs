using EmbeddedMq.Queues;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq;

/// <summary>What an embedded broker is started with. Read once, at the start.</summary>
public sealed class BrokerOptions
{
    /// <summary>The broker's name in logs, metrics and traces. Not empty. Default <c>EmbeddedMq</c>.</summary>
    public string Name { get; set; } = "EmbeddedMq";

    /// <summary>The directory that the broker stores in; short for <see cref="StorageOptions.Directory"/> of <see cref="Storage"/>. Default
    /// <see langword="null"/>: the broker keeps everything in memory, and its messages end with the process.</summary>
    public string? DataDirectory
    {
        get => Storage.Directory;
        set => Storage.Directory = value;
    }

    /// <summary>Where and how the broker stores.</summary>
    public StorageOptions Storage { get; set; } = new();

    /// <summary>Bytes of messages held in memory above which publishers wait until consumers have made room. More than 0. Default
    /// <see langword="null"/>: 40 % of the memory that the process may use, as in RabbitMQ.</summary>
    /// <remarks>Counted are bodies and an estimate of the bookkeeping for each message in each queue; a body shared by several queues counts in each.</remarks>
    public long? MemoryHighWatermarkBytes { get; set; }

    /// <summary>Bytes of messages in memory above which ready messages leave it and stay on disk only, down to seven eighths of it; they come back
    /// in order, ahead of the consumers. More than 0; at most half of the watermark counts. Default 256 MiB. Without storage it has no effect.</summary>
    /// <remarks>The heads of the queues stay in memory, and so does what is handed over and not settled.</remarks>
    public long BacklogMemoryBytes { get; set; } = 256L * 1024 * 1024;

    /// <summary>Bounds on what applications may ask for.</summary>
    public BrokerLimits Limits { get; set; } = new();

    /// <summary>The clock and the timers of everything that the broker does over time. Default <see cref="TimeProvider.System"/>; tests put virtual time here.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    /// <summary>Where the broker logs to. Default <see langword="null"/>: nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>Seed of the broker's random choices (exchanges that choose at random, generated names). Default <see langword="null"/>: another one at each start.</summary>
    public int? RandomSeed { get; set; }

    /// <summary>Puts something else in the place of the disk that messages go to when they do not fit into memory: for tests.</summary>
    internal IBacklogStore? BacklogStore { get; set; }

    /// <summary>In which portions messages go there and come back; the budget is <see cref="BacklogMemoryBytes"/>: for tests.</summary>
    internal BacklogSettings BacklogSettings { get; set; } = new();

    /// <summary>Called with the pager in the place of a thread of its own: for tests that do its work themselves.</summary>
    internal Action<BacklogPager>? BacklogStarted { get; set; }
}
