namespace EmbeddedMq;

/// <summary>What a binding leads to.</summary>
public enum DestinationKind
{
    /// <summary>A queue.</summary>
    Queue,

    /// <summary>An exchange.</summary>
    Exchange,
}
