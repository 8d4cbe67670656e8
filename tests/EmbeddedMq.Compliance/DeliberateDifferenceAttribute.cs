using Xunit.v3;

namespace EmbeddedMq.Compliance;

/// <summary>Marks a test of behaviour in which EmbeddedMq differs from RabbitMQ on purpose.</summary>
/// <param name="why">What differs and why, as a sentence for the published list of differences.</param>
/// <remarks>Such a test runs only on engines with <see cref="EngineCapabilities.DeliberateDifferences"/>. Runners see it as a trait.</remarks>
[AttributeUsage(AttributeTargets.Method)]
public sealed class DeliberateDifferenceAttribute(string why) : Attribute, ITraitAttribute
{
    /// <summary>The trait's name.</summary>
    internal const string TraitName = "DeliberateDifference";

    /// <summary>What differs and why.</summary>
    public string Why { get; } = why;

    /// <inheritdoc/>
    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() => [new(TraitName, Why)];
}
