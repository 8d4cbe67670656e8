using EmbeddedMq.Journal;

namespace EmbeddedMq.Tests.Storage.Records;

/// <summary>Record bodies as the bytes that they write.</summary>
internal static class RecordBodies
{
    /// <summary>The bytes of a body; fails when it leaves a byte of its destination as it was.</summary>
    public static byte[] BytesOf<T>(in T body)
        where T : IRecordBody, allows ref struct
    {
        byte[] bytes = new byte[body.GetLength()];
        body.Write(bytes);
        byte[] again = new byte[body.GetLength()];
        again.AsSpan().Fill(0xAA);
        body.Write(again);
        Assert.Equal(bytes, again);
        return bytes;
    }

    public static string HexOf<T>(in T body)
        where T : IRecordBody, allows ref struct
        => Convert.ToHexStringLower(BytesOf(body));
}
