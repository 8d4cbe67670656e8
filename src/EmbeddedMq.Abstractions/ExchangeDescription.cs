namespace EmbeddedMq;

/// <summary>An exchange as a listing shows it.</summary>
/// <param name="Declaration">What it was declared with.</param>
/// <param name="Policy">The policy that applies to it, or <see langword="null"/>.</param>
/// <param name="PublishedCount">Messages published to it since the broker started.</param>
public sealed record ExchangeDescription(ExchangeDeclaration Declaration, string? Policy, long PublishedCount)
{
    /// <summary>Its name.</summary>
    public string Name => Declaration.Name;
}
