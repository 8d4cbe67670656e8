using WebhookRelay;

namespace EmbeddedMq.Samples.Tests.WebhookRelay;

public sealed class ReplayTests
{
    private const string Good = """{"id":"1","event":"push","action":null,"repository":"a/b","payload":{"ref":"main"}}""";

    private readonly StringWriter _output = new();
    private readonly StringWriter _errors = new();

    [Fact]
    public async Task Replay_SyntheticFile_PrintsWhatEachQueueGot()
    {
        int exitCode = await RunAsync(Path.Combine(AppContext.BaseDirectory, "Fixtures", "webhooks.jsonl"));

        Assert.Equal("", _errors.ToString());
        Assert.Equal(Replay.AllHandled, exitCode);

        // archive, code, triage, builds, security, hello-world, accounts
        Assert.Equal(["16", "5", "3", "3", "2", "4", "2"], Row("handled"));
        Assert.Equal(["16", "5", "3", "3", "2", "4", "2"], Row("expected from the file"));
        Assert.Equal([".", ".", ".", ".", ".", ".", "."], Row("dead-lettered"));
        Assert.Equal(["2", "2", "1", ".", ".", "2", "."], Row("pull_request"));
        Assert.Equal(["2", "2", ".", ".", ".", "1", "."], Row("push"));
        Assert.Contains("16 lines = 16 events + 0 broken + 0 empty", _output.ToString());
        Assert.Contains("35 copies in 7 queues = 35 handled + 0 dead-lettered", _output.ToString());
    }

    [Theory]
    [InlineData("not json", "It is not the JSON of an event: $ at byte 2.")]
    [InlineData("""{"id":"2","event":"push",""", "It is not the JSON of an event: $ at byte 25.")]
    [InlineData("""{"id":2,"event":"push","payload":{}}""", "It is not the JSON of an event: $.id at byte 8.")]
    [InlineData("[]", "It is not the JSON of an event: $ at byte 2.")]
    [InlineData("null", "It is null.")]
    [InlineData("""{"event":"push","payload":{}}""", "The delivery id must be 1 to 255 bytes long.")]
    [InlineData("""{"id":"2","payload":{}}""", "The event must be a name of lower-case letters, digits and underscores, not ''.")]
    [InlineData("""{"id":"2","event":"pu sh","payload":{}}""", "The event must be a name of lower-case letters, digits and underscores, not 'pu sh'.")]
    [InlineData("""{"id":"2","event":"push","repository":"b","payload":{}}""", "The repository must be owner/name, not 'b'.")]
    [InlineData("""{"id":"2","event":"push"}""", "The payload must be a JSON object, not missing.")]
    [InlineData("""{"id":"2","event":"push","payload":"text"}""", "The payload must be a JSON object, not string.")]
    public async Task Replay_BrokenLine_IsReportedWithItsNumberAndCounted(string broken, string mistake)
    {
        int exitCode = await RunTextAsync($"{Good}\n\n{broken}\n{Good}\n");

        Assert.Equal($"line 3: {mistake}{Environment.NewLine}", _errors.ToString());
        Assert.Equal(Replay.SomeUnhandled, exitCode);
        Assert.Equal("1", Row("handled")[0]);
        Assert.Contains("4 lines = 2 events + 1 broken + 1 empty", _output.ToString());
    }

    [Fact]
    public async Task Replay_InvalidUtf8_IsReportedNotReplaced()
    {
        int exitCode = await RunBytesAsync([.. """{"id":"2"""u8, 0xFF, .. "\",\"event\":\"push\",\"payload\":{}}"u8]);

        Assert.StartsWith("line 1: It is not the JSON of an event", _errors.ToString(), StringComparison.Ordinal);
        Assert.Equal(Replay.SomeUnhandled, exitCode);
    }

    [Fact]
    public async Task Replay_PayloadThatAHandlerCannotRead_IsDeadLetteredThereAndHandledElsewhere()
    {
        int exitCode = await RunTextAsync(
            """{"id":"odd","event":"issues","action":"opened","repository":"a/b","payload":{"issue":{"number":"seven"}}}""");

        Assert.StartsWith("dead-lettered by triage: issues odd, unreadable:", _errors.ToString(), StringComparison.Ordinal);
        Assert.Equal(Replay.SomeUnhandled, exitCode);
        Assert.Equal(["1", ".", ".", ".", ".", ".", "."], Row("handled"));
        Assert.Equal([".", ".", "1", ".", ".", ".", "."], Row("dead-lettered"));
        Assert.Contains("2 copies in 7 queues = 1 handled + 1 dead-lettered", _output.ToString());
    }

    [Fact]
    public async Task Replay_SameDeliveryTwice_TakesEffectOnce()
    {
        int exitCode = await RunTextAsync($"{Good}\n{Good}");

        Assert.Equal(Replay.AllHandled, exitCode);
        Assert.Equal("1", Row("handled")[0]);
        Assert.Contains("2 lines = 2 events", _output.ToString(), StringComparison.Ordinal);
        Assert.Contains("1 of the events repeat a delivery", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Replay_SameDeliveryWithAnotherPayload_IsDeadLetteredAsAConflict()
    {
        int exitCode = await RunTextAsync($"{Good}\n{Good.Replace("main", "other", StringComparison.Ordinal)}");

        Assert.Equal(Replay.DoesNotAddUp, exitCode);
        Assert.Contains("dead-lettered by archive: push 1, conflict", _errors.ToString(), StringComparison.Ordinal);
        Assert.Equal("1", Row("handled")[0]);
    }

    [Fact]
    public async Task Replay_TheFileTwice_ChangesNoTotal()
    {
        string path = Path.Combine(AppContext.BaseDirectory, "Fixtures", "webhooks.jsonl");
        await RunAsync(path);
        string once = Table();

        int exitCode = await Replay.RunAsync(path, ["--times", "2"], _output, _errors);

        Assert.Equal("", _errors.ToString());
        Assert.Equal(Replay.AllHandled, exitCode);
        Assert.Equal(once, Table());
        Assert.Contains("32 lines = 32 events + 0 broken + 0 empty", _output.ToString(), StringComparison.Ordinal);
        Assert.Contains("16 of the events repeat a delivery", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact(Skip = RealWebhooks.Missing, SkipUnless = nameof(RealWebhooks.AreThere), SkipType = typeof(RealWebhooks))]
    public async Task Replay_TheRealFileTwice_ChangesNoTotal()
    {
        await RunAsync(RealWebhooks.Path);
        string once = Table();

        int exitCode = await Replay.RunAsync(RealWebhooks.Path, ["--times", "2"], _output, _errors);

        Assert.Equal(Replay.AllHandled, exitCode);
        Assert.Equal(once, Table());
    }

    [Fact]
    public async Task Replay_NoFile_SaysSo()
    {
        int exitCode = await RunAsync(Path.Combine(AppContext.BaseDirectory, "no-such-file"));

        Assert.Equal(Replay.NoFile, exitCode);
        Assert.StartsWith("The file cannot be read: ", _errors.ToString(), StringComparison.Ordinal);
    }

    [Fact(Skip = RealWebhooks.Missing, SkipUnless = nameof(RealWebhooks.AreThere), SkipType = typeof(RealWebhooks))]
    public async Task Replay_RealFile_AddsUpToItsLines()
    {
        int lines = File.ReadLines(RealWebhooks.Path).Count();

        int exitCode = await RunAsync(RealWebhooks.Path);

        Assert.Equal("", _errors.ToString());
        Assert.Equal(Replay.AllHandled, exitCode);
        Assert.Equal($"{lines}", Row("handled")[0]);
        Assert.Contains($"{lines} lines = {lines} events + 0 broken + 0 empty", _output.ToString());
    }

    private Task<int> RunAsync(string path) => Replay.RunAsync(path, [], _output, _errors);

    private Task<int> RunTextAsync(string text) => RunBytesAsync(System.Text.Encoding.UTF8.GetBytes(text));

    private async Task<int> RunBytesAsync(byte[] bytes)
    {
        string path = Path.GetTempFileName();
        try
        {
            await File.WriteAllBytesAsync(path, bytes);
            return await RunAsync(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>The table that was printed last.</summary>
    private string Table()
    {
        string text = _output.ToString();
        string last = text[text.LastIndexOf("event type", StringComparison.Ordinal)..];
        return last[..last.IndexOf(Environment.NewLine + Environment.NewLine, StringComparison.Ordinal)];
    }

    /// <summary>The numbers of a row of the printed table.</summary>
    private string[] Row(string title)
    {
        string? line = _output.ToString().Split(Environment.NewLine).SingleOrDefault(line => line.StartsWith(title + " ", StringComparison.Ordinal));
        Assert.True(line is not null, $"There is no row '{title}' in:\n{_output}\nErrors:\n{_errors}");
        return line[title.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
    }
}
