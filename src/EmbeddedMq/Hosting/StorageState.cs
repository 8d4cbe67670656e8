namespace EmbeddedMq;

/// <summary>What a broker's storage can do.</summary>
public enum StorageState
{
    /// <summary>Everything.</summary>
    Open,

    /// <summary>The disk is nearly full: publishers of persistent messages wait; consuming and settling go on.</summary>
    LowSpace,

    /// <summary>The disk failed: publishers wait, consuming goes on with what can be read; the broker tries again by itself.</summary>
    Failed,

    /// <summary>The broker has stopped.</summary>
    Closed,
}
