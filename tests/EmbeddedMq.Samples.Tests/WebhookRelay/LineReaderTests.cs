using System.Text;
using WebhookRelay;

namespace EmbeddedMq.Samples.Tests.WebhookRelay;

public sealed class LineReaderTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("a", "1:a")]
    [InlineData("a\n", "1:a")]
    [InlineData("a\n\nb", "1:a 2: 3:b")]
    [InlineData("\n", "1:")]
    [InlineData("a\r\nb\r\n", "1:a\r 2:b\r")]
    [InlineData("12345678\n123456789\nb", "1:12345678 2:too long 3:b")]
    [InlineData("123456789", "1:too long")]
    public async Task ReadLines_AnyText_NumbersEveryLine(string text, string expected)
    {
        // One byte at a time as well as all at once: lines do not end where reads end.
        Assert.Equal(expected, await ReadAsync(new MemoryStream(Encoding.UTF8.GetBytes(text))));
        Assert.Equal(expected, await ReadAsync(new OneByteStream(Encoding.UTF8.GetBytes(text))));
    }

    private static async Task<string> ReadAsync(Stream stream)
    {
        List<string> lines = [];
        await foreach (Line line in LineReader.ReadLinesAsync(stream, maxLineBytes: 8, CancellationToken.None))
        {
            lines.Add($"{line.Number}:{(line.Bytes is null ? "too long" : Encoding.UTF8.GetString(line.Bytes))}");
        }

        return string.Join(' ', lines);
    }

    private sealed class OneByteStream(byte[] bytes) : MemoryStream(bytes)
    {
        public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(1, buffer.Length)]);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
            => base.ReadAsync(buffer[..Math.Min(1, buffer.Length)], cancellationToken);
    }
}
