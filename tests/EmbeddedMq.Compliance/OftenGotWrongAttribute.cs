using Xunit.v3;

namespace EmbeddedMq.Compliance;

/// <summary>Marks the test of a point in which brokers that imitate RabbitMQ are most often wrong.</summary>
/// <param name="point">The point, in the words of <see cref="AmqpItems.OftenGotWrong"/>.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class OftenGotWrongAttribute(string point) : Attribute, ITraitAttribute
{
    /// <summary>The point.</summary>
    public string Point { get; } = point;

    /// <inheritdoc/>
    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() => [new("OftenGotWrong", Point)];
}
