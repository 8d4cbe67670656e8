using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using EmbeddedMq;
using Cells = System.Collections.Generic.IReadOnlyDictionary<(string Event, string Queue), WebhookRelay.Tally.Cell>;

namespace WebhookRelay;

/// <summary><c>--replay FILE</c>: publishes the events of a file, waits until the queues are done, and proves that the numbers add up.</summary>
/// <remarks>One JSON object a line: <c>{"id":…,"event":…,"action":…,"repository":"owner/name","payload":{…}}</c>, where action and repository
/// may be null. A line that is not one is reported with its number and counted; empty lines are counted too. A delivery that comes again is published again,
/// and must change nothing: <c>--times 2</c> replays the file twice.</remarks>
internal sealed class Replay(IHost host, TextWriter output, TextWriter errors)
{
    /// <summary>Exit code: every line was an event, and every queue that ought to have it has handled it.</summary>
    public const int AllHandled = 0;

    /// <summary>Exit code: a delivery is missing, or there is one too many.</summary>
    public const int DoesNotAddUp = 1;

    /// <summary>Exit code: there is no file, or it cannot be read.</summary>
    public const int NoFile = 2;

    /// <summary>Exit code: it adds up, but some lines were broken or some webhooks dead-lettered; each was reported.</summary>
    public const int SomeUnhandled = 3;

    private const int MaxLineBytes = 32 * 1024 * 1024;

    // A queue that makes no headway for so long will not make any.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Tally _handled = host.Services.GetRequiredService<Tally>();
    private readonly Tally _expected = new();
    private readonly Tally _dead = new();
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private readonly HashSet<(string Queue, string Id)> _buried = [];
    private long _events, _repeated, _broken, _empty;

    /// <summary>Runs a replay in an application of its own.</summary>
    public static async Task<int> RunAsync(string path, string[] args, TextWriter output, TextWriter errors)
    {
        HostApplicationBuilder builder = Host.CreateApplicationBuilder(args);
        builder.Logging.SetMinimumLevel(LogLevel.Critical); // what goes wrong is reported here, by line and by queue
        builder.Services.AddRelay(Overflow.BlockPublisher);
        using IHost host = builder.Build();
        await using FileStream? file = Open(path, errors);
        if (file is null)
        {
            return NoFile;
        }

        await host.StartAsync();
        Replay replay = new(host, output, errors);
        await replay.RunAsync(file, builder.Configuration.GetValue("times", 1));
        await host.StopAsync(); // handlers in flight finish, so that a delivery too many would be seen
        return replay.Report(path);
    }

    private static FileStream? Open(string path, TextWriter errors)
    {
        try
        {
            return File.OpenRead(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            errors.WriteLine($"The file cannot be read: {error.Message}");
            return null;
        }
    }

    private async Task RunAsync(FileStream file, int times)
    {
        IBroker broker = host.Services.GetRequiredService<IBroker>();
        await using IConnection connection = await broker.ConnectAsync(new ConnectionOptions { Name = "replay" });
        await using IChannel channel = await connection.OpenChannelAsync();
        await using IConsumer deadLetters = await channel.StartConsumerAsync(RelayQueue.DeadLetters);
        Task readingDeadLetters = ReadDeadLettersAsync(channel, deadLetters);

        for (int i = 0; i < times; i++)
        {
            file.Position = 0;
            await PublishAllAsync(file, host.Services.GetRequiredService<IPublisher>());
        }

        await WaitUntilDoneAsync();
        await WaitUntilEmptyAsync(broker.Management);
        await deadLetters.CancelAsync();
        await readingDeadLetters;
    }

    private async Task PublishAllAsync(Stream file, IPublisher publisher)
    {
        await foreach (Line line in LineReader.ReadLinesAsync(file, MaxLineBytes, CancellationToken.None))
        {
            if (line.Bytes is { } bytes && bytes.AsSpan().Trim(" \t\r"u8).IsEmpty)
            {
                _empty++;
            }
            else if (TryRead(line, out Webhook<JsonElement>? webhook, out string? mistake))
            {
                await publisher.PublishAsync(webhook);
                _events++;
                if (!_seen.Add(webhook.Id))
                {
                    _repeated++;
                    continue;
                }

                foreach (RelayQueue queue in RelayQueue.All.Where(queue => queue.Takes(webhook)))
                {
                    _expected.Add(queue.Name, webhook.Event, webhook.Id);
                }
            }
            else
            {
                _broken++;
                errors.WriteLine($"line {line.Number}: {mistake}");
            }
        }
    }

    private static bool TryRead(Line line, [NotNullWhen(true)] out Webhook<JsonElement>? webhook, [NotNullWhen(false)] out string? mistake)
    {
        webhook = null;
        if (line.Bytes is null)
        {
            mistake = $"It is longer than {MaxLineBytes} bytes.";
            return false;
        }

        try
        {
            webhook = JsonSerializer.Deserialize(line.Bytes, RelayJson.Default.WebhookJsonElement);
        }
        catch (JsonException error)
        {
            mistake = $"It is not the JSON of an event: {error.Path} at byte {error.BytePositionInLine + 1}.";
            return false;
        }

        mistake = webhook is null ? "It is null." : null;
        return webhook is not null && Webhook.IsValid(webhook, out mistake);
    }

    private async Task WaitUntilDoneAsync()
    {
        while (true)
        {
            // Asked for before looking, so that no change falls between.
            Task change = Task.WhenAny(_handled.NextChange(), _dead.NextChange());
            if (_handled.Total + _dead.Total >= _expected.Total)
            {
                return;
            }

            try
            {
                await change.WaitAsync(Patience);
            }
            catch (TimeoutException)
            {
                errors.WriteLine($"The queues have made no headway for {Patience.TotalSeconds} s.");
                return;
            }
        }
    }

    // Repeated deliveries leave no trace in the tally: what they would change is seen when the last of them is through.
    private async Task WaitUntilEmptyAsync(IBrokerManagement management)
    {
        using CancellationTokenSource patience = new(Patience);
        while (!patience.IsCancellationRequested)
        {
            IReadOnlyList<QueueDescription> queues = await management.ListQueuesAsync(ConnectionOptions.DefaultVirtualHost, CancellationToken.None);
            if (queues.All(queue => queue.ReadyCount + queue.UnackedCount == 0))
            {
                return;
            }

            await Task.Delay(10, CancellationToken.None);
        }

        errors.WriteLine($"The queues are not empty after {Patience.TotalSeconds} s.");
    }

    private async Task ReadDeadLettersAsync(IChannel channel, IConsumer deadLetters)
    {
        await foreach (Delivery delivery in deadLetters.ReadAllAsync())
        {
            HeaderTable headers = delivery.Message.Headers;
            string queue = headers.GetValueOrDefault(MessageHeaders.Queue) as string ?? "?";
            string name = headers.GetValueOrDefault("X-GitHub-Event") as string ?? "?";
            string id = delivery.Properties.MessageId ?? "?";
            if (_buried.Add((queue, id)))
            {
                errors.WriteLine(
                    $"dead-lettered by {queue}: {name} {id}, {headers.GetValueOrDefault(MessageHeaders.Reason)}: {headers.GetValueOrDefault(MessageHeaders.ErrorMessage)}");
                _dead.Add(queue, name, id);
            }

            await channel.AckAsync(delivery.DeliveryTag);
        }
    }

    private int Report(string path)
    {
        Cells handled = _handled.Snapshot();
        Cells expected = _expected.Snapshot();
        Cells dead = _dead.Snapshot();
        string[] queues = [.. RelayQueue.All.Select(queue => queue.Name)];

        output.WriteLine($"{"event type",-32}{Columns(queues)}");
        foreach (string name in expected.Keys.Concat(handled.Keys).Select(key => key.Event).Distinct().Order(StringComparer.Ordinal))
        {
            output.WriteLine($"{name,-32}{Columns(queues.Select(queue => Number(handled.GetValueOrDefault((name, queue)).Count)))}");
        }

        output.WriteLine($"{"handled",-32}{Columns(queues.Select(queue => Sum(handled, queue)))}");
        output.WriteLine($"{"dead-lettered",-32}{Columns(queues.Select(queue => Sum(dead, queue)))}");
        output.WriteLine($"{"expected from the file",-32}{Columns(queues.Select(queue => Sum(expected, queue)))}");

        List<(string Event, string Queue)> wrong = [.. expected.Keys.Union(handled.Keys).Union(dead.Keys).Where(key => !Agrees(key)).Order()];
        foreach ((string name, string queue) in wrong)
        {
            output.WriteLine($"WRONG: {queue} has handled {handled.GetValueOrDefault((name, queue)).Count} {name} "
                + $"and dead-lettered {dead.GetValueOrDefault((name, queue)).Count}, of {expected.GetValueOrDefault((name, queue)).Count}.");
        }

        long lines = _events + _broken + _empty;
        output.WriteLine();
        output.WriteLine($"{path}: {lines} lines = {_events} events + {_broken} broken + {_empty} empty");
        if (_repeated > 0)
        {
            output.WriteLine($"{_repeated} of the events repeat a delivery that came before, and change nothing");
        }

        output.WriteLine($"{_expected.Total} copies in {queues.Length} queues = {_handled.Total} handled + {_dead.Total} dead-lettered{(wrong.Count == 0 ? "" : ": WRONG")}");
        return wrong.Count > 0 ? DoesNotAddUp : _broken + _dead.Total > 0 ? SomeUnhandled : AllHandled;

        // Equal counts and equal sums of the ids' hashes: the same deliveries, each once.
        bool Agrees((string Event, string Queue) key)
        {
            Tally.Cell done = handled.GetValueOrDefault(key);
            Tally.Cell died = dead.GetValueOrDefault(key);
            return expected.GetValueOrDefault(key) == new Tally.Cell(done.Count + died.Count, unchecked(done.Fingerprint + died.Fingerprint));
        }
    }

    private static string Columns(IEnumerable<string> cells) => string.Concat(cells.Select(static cell => $"{cell,12}"));

    private static string Number(long count) => count == 0 ? "." : $"{count}";

    private static string Sum(Cells cells, string queue)
        => Number(cells.Where(cell => cell.Key.Queue == queue).Sum(static cell => cell.Value.Count));
}
