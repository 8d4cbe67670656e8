using EmbeddedMq.Bindings;

namespace EmbeddedMq.Tests.Bindings;

/// <summary>A destination that is a queue by name only.</summary>
internal sealed class FakeQueue(string name) : IDestination
{
    public string Name { get; } = name;

    public DestinationKind Kind => DestinationKind.Queue;

    public override string ToString() => Name;
}
