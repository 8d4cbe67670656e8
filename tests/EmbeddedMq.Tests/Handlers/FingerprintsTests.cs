using EmbeddedMq.Handlers.Consuming;

namespace EmbeddedMq.Tests.Handlers;

public sealed class FingerprintsTests
{
    // Stored for days and compared by other versions of the program: these values stay.
    [Fact]
    public void Fingerprints_OfKnownContent_AreTheSameForEver()
    {
        Assert.Equal("99aa06d3014798d86001c324468d497f", Fingerprints.OfBody([]).ToString());
        Assert.Equal(Fingerprints.OfBody("abc"u8), Fingerprints.OfText("abc"));
        Assert.Equal("06b05ab6733a618578af5f94892f3950", Fingerprints.OfText("abc").ToString());
    }

    [Fact]
    public void OfText_OfEveryLength_IsThatOfItsBytes()
    {
        foreach (int length in (int[])[0, 1, 100, 170, 171, 600, 5_000])
        {
            string text = new('é', length);
            Assert.Equal(Fingerprints.OfBody(System.Text.Encoding.UTF8.GetBytes(text)), Fingerprints.OfText(text));
        }
    }

    [Fact]
    public void WithHeaders_OfDifferentHeaders_AreAllDifferent()
    {
        HeaderTable[] tables =
        [
            HeaderTable.Empty,
            HeaderTable.Of("a", null),
            HeaderTable.Of("a", ""),
            HeaderTable.Of("a", "x").With("b", "y"),
            HeaderTable.Of("a", "xb").With("b", ""),
            HeaderTable.Of("a", "x"),
            HeaderTable.Of("b", "x"),
            HeaderTable.Of("a", new byte[] { (byte)'x' }),
            HeaderTable.Of("a", 1),
            HeaderTable.Of("a", true),
            HeaderTable.Of("a", false),
            HeaderTable.Of("a", 1.0),
            HeaderTable.Of("a", 1f),
            HeaderTable.Of("a", 1m),
            HeaderTable.Of("a", 1.0m),
            HeaderTable.Of("a", DateTimeOffset.FromUnixTimeSeconds(1)),
            HeaderTable.Of("a", HeaderTable.Of("x", 1)),
            HeaderTable.Of("a", new object?[] { "x", 1 }),
            HeaderTable.Of("a", new object?[] { new object?[] { "x" }, 1 }),
            HeaderTable.Of("a", new object?[] { new object?[] { "x", 1 } }),
        ];

        Fingerprint[] prints = [.. tables.Select(static table => Fingerprints.WithHeaders(new Fingerprint(1, 2), table, ["a", "b"]))];

        Assert.Equal(prints.Length, prints.Distinct().Count());
        Assert.NotEqual(prints[0], Fingerprints.WithHeaders(new Fingerprint(2, 1), tables[0], ["a", "b"]));
    }

    [Fact]
    public void WithHeaders_IntegersOfDifferentWidth_AreTheSame()
        => Assert.Single(new object[] { (sbyte)7, (byte)7, (short)7, (ushort)7, 7, 7u, 7L }
            .Select(static value => Fingerprints.WithHeaders(default, HeaderTable.Of("a", value), ["a"])).Distinct());
}
