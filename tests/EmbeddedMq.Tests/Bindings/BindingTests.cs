using EmbeddedMq.Bindings;

namespace EmbeddedMq.Tests.Bindings;

public sealed class BindingTests
{
    private static readonly FakeQueue Queue = new("q");

    [Fact]
    public void Binding_EqualInEveryPart_IsTheSame()
    {
        Binding one = new("x", Queue, "k", HeaderTable.Of("a", 1).With("b", new byte[] { 1, 2 }));
        Binding other = new("x", new FakeQueue("q"), "k", HeaderTable.Of("b", new byte[] { 1, 2 }).With("a", 1));

        Assert.Equal(one, other);
        Assert.Equal(one.GetHashCode(), other.GetHashCode());
    }

    [Fact]
    public void Binding_DifferentInOnePart_IsAnother()
    {
        HeaderTable arguments = HeaderTable.Of("a", 1);
        Binding binding = new("x", Queue, "k", arguments);

        Assert.NotEqual(binding, new Binding("y", Queue, "k", arguments));
        Assert.NotEqual(binding, new Binding("x", new FakeQueue("r"), "k", arguments));
        Assert.NotEqual(binding, new Binding("x", new FakeExchangeNamed("q"), "k", arguments));
        Assert.NotEqual(binding, new Binding("x", Queue, "K", arguments));
        Assert.NotEqual(binding, new Binding("x", Queue, "k", HeaderTable.Of("a", 2)));
        Assert.NotEqual(binding, new Binding("x", Queue, "k", HeaderTable.Of("a", 1L)));
        Assert.NotEqual(binding, new Binding("x", Queue, "k", HeaderTable.Empty));
    }

    [Fact]
    public void HashCode_ValuesDiffer_Differs()
    {
        int[] hashes = [.. Enumerable.Range(0, 1000).Select(i => new Binding("x", Queue, "", HeaderTable.Of("id", i)).GetHashCode())];

        Assert.True(hashes.Distinct().Count() > 990);
    }

    [Theory]
    [InlineData(1)]
    [InlineData("text")]
    [InlineData(null)]
    [InlineData(true)]
    public void HashCode_NestedValuesAreEqual_IsEqual(object? value)
    {
        Binding Make() => new("x", Queue, "", new HeaderTable([new("list", new[] { value, new byte[] { 7 } }), new("table", HeaderTable.Of("v", value))]));

        Assert.Equal(Make(), Make());
        Assert.Equal(Make().GetHashCode(), Make().GetHashCode());
    }

    [Fact]
    public void Describe_ShowsEveryPart()
    {
        HeaderTable arguments = HeaderTable.Of("a", 1);

        Assert.Equal(
            new BindingDescription("x", "q", DestinationKind.Queue, "k", arguments),
            new Binding("x", Queue, "k", arguments).Describe());
    }

    private sealed class FakeExchangeNamed(string name) : IDestination
    {
        public string Name { get; } = name;

        public DestinationKind Kind => DestinationKind.Exchange;
    }
}
