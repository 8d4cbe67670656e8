using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Tests.Storage.Records;

public sealed class Blake3Tests
{
    // The authors' test vectors: byte i of a text is i mod 251. The first 16 bytes of each hash, the last one first.
    [Theory]
    [InlineData(0, "49c9dc36ea4d40a0a6a1f9f5b94913af")]
    [InlineData(1, "7336a0af356e884cf1611bf1dfde3a2d")]
    [InlineData(63, "98377b7fdf7094be83adda94a537bce9")]
    [InlineData(64, "e2463fd26b6088b7d45c4aea4171ed4e")]
    [InlineData(65, "aace990efdffe82b6ddf70bea05f1ede")]
    [InlineData(1023, "16a2c72814acba32b93edaee70891010")]
    [InlineData(1024, "4a7489b8de83fcf306a495f039472142")]
    public void Hash_OfTheTestVectors_IsTheirs(int bytes, string hash)
    {
        byte[] text = [.. Enumerable.Range(0, bytes).Select(static i => (byte)(i % 251))];

        Assert.Equal(hash, Blake3.Hash(text).ToString("x32", null));
    }

    [Fact]
    public void Hash_OfMoreThanAChunk_IsRefused()
        => Assert.Throws<ArgumentOutOfRangeException>(static () => Blake3.Hash(new byte[Blake3.MaxBytes + 1]));
}
