using Xunit.v3;

namespace EmbeddedMq.Compliance;

/// <summary>Names the item of the behaviour checklist that a test proves, for example <c>A2.14</c>; a test may prove several.</summary>
/// <param name="item">The item.</param>
/// <remarks>The section numbers are those of the list in <see cref="AmqpItems"/>. Runners see it as the trait <c>AmqpItem</c>.</remarks>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class AmqpItemAttribute(string item) : Attribute, ITraitAttribute
{
    /// <summary>The item.</summary>
    public string Item { get; } = item;

    /// <inheritdoc/>
    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() => [new("AmqpItem", Item)];
}
