using EmbeddedMq.Errors;

namespace EmbeddedMq.Tests.Errors;

public sealed class ErlangTermTests
{
    public static TheoryData<object?, string, string> Terms => new()
    {
        { null, "void", "undefined" },
        { true, "bool", "true" },
        { (sbyte)-1, "byte", "-1" },
        { (byte)1, "unsignedbyte", "1" },
        { (short)-1, "short", "-1" },
        { (ushort)1, "unsignedshort", "1" },
        { -1, "signedint", "-1" },
        { 1u, "unsignedint", "1" },
        { 1L, "long", "1" },
        { 1.0, "double", "1.0" },
        { 1.5f, "float", "1.5" },
        { 1e20, "double", "1.0e20" },
        { 1.25m, "decimal", "1.25" },
        { "a\"b", "longstr", "<<\"a\\\"b\">>" },
        { new byte[] { 1, 255 }, "binary", "<<1,255>>" },
        { DateTimeOffset.FromUnixTimeSeconds(1_700_000_000), "timestamp", "1700000000" },
        { HeaderTable.Of("k", "v"), "table", "[{<<\"k\">>,longstr,<<\"v\">>}]" },
        { HeaderTable.Of("l", new object?[] { 1, "a" })["l"], "array", "[{signedint,1},{longstr,<<\"a\">>}]" },
    };

    [Theory]
    [MemberData(nameof(Terms))]
    public void Value_IsWritten_AsErlangDoes(object? value, string type, string term)
    {
        Assert.Equal(type, ErlangTerm.TypeOf(value));
        Assert.Equal(term, ErlangTerm.Format(value));
    }

    [Fact]
    public void Equality_KnowsNoWidths_ButTypesWithinLists()
    {
        Assert.True(ErlangTerm.AreEqual("a", new byte[] { 97 }));
        Assert.True(ErlangTerm.AreEqual(1.5f, 1.5));
        Assert.True(ErlangTerm.AreEqual(DateTimeOffset.FromUnixTimeSeconds(5), 5));
        Assert.False(ErlangTerm.AreEqual(1, 1.0));
        Assert.False(ErlangTerm.AreEqual(HeaderTable.Of("k", 1), HeaderTable.Of("k", 1L)));
    }
}
