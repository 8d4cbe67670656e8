namespace EmbeddedMq.Handlers.Configuration;

/// <summary>What a consumer recognises its messages by. Immutable.</summary>
/// <typeparam name="T">What the bodies are read as.</typeparam>
internal sealed record IdempotentPlan<T>
{
    /// <summary>Reads the id; <see langword="null"/>: the property message-id.</summary>
    public Func<T, IMessageContext, string?>? IdOf { get; init; }

    /// <summary>Reads the text that stands for what the message says; <see langword="null"/>: its body.</summary>
    public Func<T, IMessageContext, string>? TextOf { get; init; }

    /// <summary>The headers that belong to what it says.</summary>
    public string[] Headers { get; init; } = [];

    /// <summary>What ids count for.</summary>
    public required string Scope { get; init; }
}
