using System.Diagnostics;
using System.Threading.Channels;
using EmbeddedMq.LoadTests.Measuring;

namespace EmbeddedMq.LoadTests.Memory;

/// <summary>The limit in memory: System.Threading.Channels with nothing around it, and with the least that acknowledging needs.</summary>
internal static class Plain
{
    /// <summary>Writers and readers on one unbounded channel.</summary>
    internal static async Task<Outcome> RunAsync(int writers, int readers, long count, bool acknowledges)
    {
        Message message = new([]);
        Channel<Message> channel = Channel.CreateUnbounded<Message>();
        long start = Stopwatch.GetTimestamp();
        Task[] reading = [.. Enumerable.Range(0, readers).Select(_ => Task.Run(() => acknowledges ? ReadAndAcknowledgeAsync(channel.Reader) : ReadAsync(channel.Reader)))];
        Task[] writing = [.. Enumerable.Range(0, writers).Select(_ => Task.Run(async () =>
        {
            for (long i = 0; i < count / writers; i++)
            {
                await channel.Writer.WriteAsync(message);
            }
        }))];
        await Task.WhenAll(writing);
        channel.Writer.Complete();
        await Task.WhenAll(reading);
        return new Outcome(count, Stopwatch.GetElapsedTime(start));
    }

    /// <summary>One writer to each of several channels, a reader for each.</summary>
    internal static async Task<Outcome> FanOutAsync(int channels, long count)
    {
        Message message = new([]);
        Channel<Message>[] all = [.. Enumerable.Range(0, channels).Select(static _ => Channel.CreateUnbounded<Message>())];
        long start = Stopwatch.GetTimestamp();
        Task[] reading = [.. all.Select(channel => Task.Run(() => ReadAsync(channel.Reader)))];
        await Task.Run(async () =>
        {
            for (long i = 0; i < count; i++)
            {
                foreach (Channel<Message> channel in all)
                {
                    await channel.Writer.WriteAsync(message);
                }
            }
        });
        foreach (Channel<Message> channel in all)
        {
            channel.Writer.Complete();
        }

        await Task.WhenAll(reading);
        return new Outcome(count, Stopwatch.GetElapsedTime(start));
    }

    /// <summary>One request at a time through one channel, its answer through another.</summary>
    internal static async Task<Outcome> RequestAndReplyAsync(long count, LatencyHistogram latencies)
    {
        Message message = new([]);
        Channel<Message> requests = Channel.CreateUnbounded<Message>();
        Channel<Message> replies = Channel.CreateUnbounded<Message>();
        Task answering = Task.Run(async () =>
        {
            await foreach (Message request in requests.Reader.ReadAllAsync())
            {
                await replies.Writer.WriteAsync(request);
            }
        });
        Outcome outcome = await Task.Run(async () =>
        {
            long start = Stopwatch.GetTimestamp();
            for (long i = 0; i < count; i++)
            {
                long sent = Stopwatch.GetTimestamp();
                await requests.Writer.WriteAsync(message);
                await replies.Reader.ReadAsync();
                latencies.Record(Stopwatch.GetTimestamp() - sent);
            }

            return new Outcome(count, Stopwatch.GetElapsedTime(start));
        });
        requests.Writer.Complete();
        await answering;
        return outcome;
    }

    private static async Task ReadAsync(ChannelReader<Message> reader)
    {
        await foreach (Message message in reader.ReadAllAsync())
        {
            GC.KeepAlive(message);
        }
    }

    // A delivery has a number, is remembered under it, and is forgotten by it: what any broker does at least, if it is to take back what a
    // consumer did not finish.
    private static async Task ReadAndAcknowledgeAsync(ChannelReader<Message> reader)
    {
        Dictionary<ulong, Message> unsettled = [];
        Lock gate = new();
        ulong last = 0;
        await foreach (Message message in reader.ReadAllAsync())
        {
            ulong tag;
            lock (gate)
            {
                tag = ++last;
                unsettled.Add(tag, message);
            }

            lock (gate)
            {
                unsettled.Remove(tag);
            }
        }
    }
}
