using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace WebhookRelay;

/// <summary>One line of a file, as bytes.</summary>
/// <param name="Number">Its number, from 1.</param>
/// <param name="Bytes">The line without its end; <see langword="null"/> when it is longer than a line may be.</param>
internal readonly record struct Line(long Number, byte[]? Bytes);

/// <summary>Reads lines of bytes, in bounded memory.</summary>
/// <remarks>Bytes rather than text, so that invalid UTF-8 reaches the JSON reader and is reported, instead of turning into question marks.</remarks>
internal static class LineReader
{
    public static async IAsyncEnumerable<Line> ReadLinesAsync(Stream stream, int maxLineBytes, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        PipeReader reader = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true));
        long number = 0;
        bool tooLong = false;
        while (true)
        {
            ReadResult read = await reader.ReadAsync(cancellationToken);
            ReadOnlySequence<byte> buffer = read.Buffer;
            while (buffer.PositionOf((byte)'\n') is { } end)
            {
                yield return ToLine(++number, buffer.Slice(0, end), tooLong, maxLineBytes);
                tooLong = false;
                buffer = buffer.Slice(buffer.GetPosition(1, end));
            }

            if (read.IsCompleted)
            {
                if (!buffer.IsEmpty || tooLong)
                {
                    yield return ToLine(++number, buffer, tooLong, maxLineBytes);
                }

                break;
            }

            // The rest of a line that is too long already is not kept.
            tooLong |= buffer.Length > maxLineBytes;
            reader.AdvanceTo(tooLong ? buffer.End : buffer.Start, buffer.End);
        }

        await reader.CompleteAsync();
    }

    private static Line ToLine(long number, ReadOnlySequence<byte> bytes, bool tooLong, int maxLineBytes)
        => new(number, tooLong || bytes.Length > maxLineBytes ? null : bytes.ToArray());
}
