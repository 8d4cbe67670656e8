namespace EmbeddedMq;

/// <summary>What an operator may change of a consumer without a new build.</summary>
public sealed class ConsumerSettings
{
    /// <summary>How many handlers may run at once. 1 to 4,096. Default <see langword="null"/>: as the code says.</summary>
    public int? Concurrency { get; set; }

    /// <summary>How many messages may be unsettled at once. 1 to 65,535, not less than the concurrency. Default <see langword="null"/>: as the code says.</summary>
    public int? Prefetch { get; set; }
}
