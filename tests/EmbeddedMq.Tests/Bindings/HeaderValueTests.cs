using System.Text;
using EmbeddedMq.Bindings;

namespace EmbeddedMq.Tests.Bindings;

public sealed class HeaderValueTests
{
    private static readonly DateTimeOffset Noon = new(2024, 5, 1, 12, 0, 0, TimeSpan.Zero);

    public static TheoryData<object?, object?> Equal =>
    [
        (null, 1),
        (null, null),
        (null, "text"),
        (1, 1L),
        ((sbyte)1, (byte)1),
        ((short)-7, -7L),
        (uint.MaxValue, 4294967295L),
        (1.5f, 1.5d),
        (0.0d, -0.0d),
        ("text", "text"),
        ("é€𝄞", Encoding.UTF8.GetBytes("é€𝄞")),
        (Encoding.UTF8.GetBytes("text"), "text"),
        (new byte[] { 255 }, new byte[] { 255 }),
        (true, true),
        (1.50m, 1.5m),
        (Noon, Noon.ToOffset(TimeSpan.FromHours(2))),
        (new object?[] { 1, "a", new object?[] { null } }, new object?[] { 1, "a", new object?[] { null } }),
        (HeaderTable.Of("a", 1).With("b", "c"), HeaderTable.Of("b", "c").With("a", 1)),
    ];

    public static TheoryData<object?, object?> Differing =>
    [
        (1, 2),
        (1, null),
        ("text", null),
        (1, "1"),
        ("1", 1),
        (1, 1.0d),
        (1.0d, 1),
        (1, true),
        (true, 1),
        (true, "true"),
        (true, false),
        (1.5d, 1.25d),
        (1m, 1),
        ("text", "Text"),
        ("text", new byte[] { 1, 2, 3, 4 }),
        (Noon, Noon.AddSeconds(1)),
        (Noon, Noon.ToUnixTimeSeconds()),
        (new object?[] { 1 }, new object?[] { 1L }),
        (new object?[] { 1, 2 }, new object?[] { 2, 1 }),
        (HeaderTable.Of("a", 1), HeaderTable.Of("a", 2)),
    ];

    [Theory]
    [MemberData(nameof(Equal))]
    public void Matches_EqualByRabbitMqsRules_IsTrue(object? wanted, object? actual)
    {
        (wanted, actual) = (AsHeader(wanted), AsHeader(actual));

        Assert.True(HeaderValue.Matches(wanted, actual));
        if (wanted is not null)
        {
            Assert.Equal(StableHash.OfValue(wanted), StableHash.OfValue(actual));
        }
    }

    [Theory]
    [MemberData(nameof(Differing))]
    public void Matches_UnequalByRabbitMqsRules_IsFalse(object? wanted, object? actual)
        => Assert.False(HeaderValue.Matches(AsHeader(wanted), AsHeader(actual)));

    [Fact]
    public void StableHash_OfTexts_IsTheSameInEveryVersion()
    {
        // Stored nowhere, but what a consistent-hash exchange sends where must not change with an update.
        Assert.Equal(17280346270528514342UL, StableHash.OfText(""));
        Assert.Equal(7409409176255098269UL, StableHash.OfText("order.1"));
        Assert.Equal(StableHash.OfText("order.1"), StableHash.OfValue(Encoding.UTF8.GetBytes("order.1")));
    }

    [Theory]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(5000)]
    public void StableHash_OfLongTexts_IsThatOfTheirBytes(int length)
    {
        // A pair of surrogates at each place where the text may be cut.
        string text = string.Concat(Enumerable.Range(0, length).Select(i => i % 3 == 0 ? "𝄞" : "x"));

        Assert.Equal(StableHash.OfBytes(Encoding.UTF8.GetBytes(text)), StableHash.OfText(text));
        Assert.Equal(StableHash.OfBytes(Encoding.UTF8.GetBytes("y" + text)), StableHash.OfText("y" + text));
    }

    private static object? AsHeader(object? value) => HeaderTable.Of("h", value)["h"];
}
