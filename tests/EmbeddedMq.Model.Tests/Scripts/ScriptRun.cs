using System.Globalization;
using System.Text;
using EmbeddedMq.Model.Tests.Model;

namespace EmbeddedMq.Model.Tests.Scripts;

/// <summary>One script carried out on a target and on the model, side by side.</summary>
/// <remarks>Where AMQP leaves an order open the model first takes the usual one. When the two then differ, every other order that the model
/// could have taken so far is tried; only when none explains what the target showed do they disagree. A script that leaves more orders open
/// than can be tried ends there, as <see cref="IsInconclusive"/>.</remarks>
internal sealed class ScriptRun(IScriptTarget target, ModelFlaw flaw)
{
    private const int MostReplays = 1_000;

    private readonly List<(Command Command, string Answer, IReadOnlyList<string> Seen)> _history = [];
    private readonly Dictionary<string, int> _answeredAt = [];
    private Choices _choices = new([]);
    private ModelBroker _model = new(new Choices([]), flaw);

    /// <summary>How many calls were made.</summary>
    public int CommandCount => _history.Count;

    /// <summary>Whether the script was given up, because it left more orders open than can be tried.</summary>
    public bool IsInconclusive { get; private set; }

    /// <summary>How often the model had to go over the script again to find the order that the target took.</summary>
    public int ReplayCount { get; private set; }

    /// <summary>Carries out a script to its end, with everything read, closed and drained.</summary>
    /// <exception cref="DisagreementException">The target did what no order of the model explains.</exception>
    public static async Task<ScriptRun> ExecuteAsync(Script script, IScriptTarget target, ModelFlaw flaw = ModelFlaw.None)
    {
        ScriptRun run = new(target, flaw);
        run._model = new ModelBroker(run._choices, flaw);
        await using (target)
        {
            await run.BeginAsync();
            foreach (Step step in script.Steps)
            {
                if (run.IsInconclusive)
                {
                    return run;
                }

                if (run.Chooser.Choose(step) is { } command)
                {
                    await run.DoAsync(command);
                    await run.ReadEagerlyAsync();
                }
            }

            await run.FinishAsync();
        }

        return run;
    }

    private CommandChooser Chooser { get; set; } = null!;

    private async Task BeginAsync()
    {
        await DoAsync(new Command.Connect(0));
        await DoAsync(new Command.Connect(1));
        await DoAsync(new Command.OpenChannel(0, 0, ChannelMode.Confirm));
        await DoAsync(new Command.OpenChannel(0, 1, ChannelMode.Confirm));
        await DoAsync(new Command.OpenChannel(1, 2, ChannelMode.Confirm));
        Chooser = new CommandChooser(() => _model);
    }

    /// <summary>Readers that are not late take what is there, so that a wrong delivery is seen in the step that made it.</summary>
    private async Task ReadEagerlyAsync()
    {
        while (!IsInconclusive && _model.Consumers.FirstOrDefault(c => c.Mailbox.Count > 0 && c.Channel.Closed is null && IsEager(c)) is { } reader)
        {
            await DoAsync(new Command.Read(reader.Id));
        }
    }

    private bool IsEager(ModelConsumer consumer)
        => _history.Exists(h => h.Command is Command.Consume { Eager: true } c && c.Consumer == consumer.Id);

    /// <summary>Closes all that is open, so that what was handed over goes back, and drains every queue.</summary>
    private async Task FinishAsync()
    {
        foreach (ModelConnection connection in _model.Connections.Where(static c => c.Closed is null).ToList())
        {
            await DoAsync(new Command.CloseConnection(connection.Id));
        }

        await DoAsync(new Command.Connect(_model.Connections.Count));
        await DoAsync(new Command.OpenChannel(_model.Connections.Count - 1, _model.Channels.Count, ChannelMode.Confirm));
        int channel = _model.Channels.Count - 1;
        while (!IsInconclusive && _model.Queues.FirstOrDefault(static q => q.Ready.Count > 0) is { } queue)
        {
            await DoAsync(new Command.Get(channel, queue.Name, AutoAck: true));
        }

        if (IsInconclusive)
        {
            return;
        }

        string[] lost = [.. _model.ConfirmedAndRouted.Where(id => !_model.Fates.Exists(f => f.Id == id))];
        if (lost.Length > 0)
        {
            throw new DisagreementException($"Confirmed, and then neither settled, dead-lettered, dropped by policy nor queued: {string.Join(", ", lost)}.{Environment.NewLine}{Story()}");
        }
    }

    private async Task DoAsync(Command command)
    {
        if (IsInconclusive)
        {
            return;
        }

        string expected = Apply(_model, command);
        string answer;
        IReadOnlyList<string> seen;
        try
        {
            answer = await target.ApplyAsync(command);
            seen = await target.ObserveAsync();
            await target.SettleAsync(_model.Answers.Keys);
        }
        catch (Exception error)
        {
            throw new DisagreementException($"{command}{Environment.NewLine}failed with an error that is no answer: {error}{Environment.NewLine}{Story()}");
        }

        _history.Add((command, answer, seen));
        NoteAnswers();
        if (Difference(expected, _model.Observe(), answer, seen) is null && AnswersDifference(_model) is null)
        {
            return;
        }

        // In another order publishers may have been answered whom the model lets wait.
        await target.SettleAsync(null);
        NoteAnswers();
        string? difference = Difference(expected, _model.Observe(), answer, seen) ?? AnswersDifference(_model);
        if (difference is not null && !FindOtherOrder())
        {
            throw new DisagreementException($"{difference}{Environment.NewLine}{Story()}");
        }
    }

    private void NoteAnswers()
    {
        foreach (string id in target.Answers.Keys.Where(id => !_answeredAt.ContainsKey(id)))
        {
            _answeredAt.Add(id, _history.Count - 1);
        }
    }

    /// <summary>Whether the model does in each step what the target did. An answer to a publisher that waited may have been seen late, never early.</summary>
    private bool Explains(ModelBroker model)
    {
        for (int i = 0; i < _history.Count; i++)
        {
            (Command command, string answer, IReadOnlyList<string> seen) = _history[i];
            if (Difference(Apply(model, command), model.Observe(), answer, seen) is not null
                || _answeredAt.Any(a => a.Value == i && model.Answers.GetValueOrDefault(a.Key) != target.Answers[a.Key]))
            {
                return false;
            }
        }

        return AnswersDifference(model) is null;
    }

    private string? AnswersDifference(ModelBroker model)
    {
        string id = model.Answers.Keys.Union(target.Answers.Keys).FirstOrDefault(id => model.Answers.GetValueOrDefault(id) != target.Answers.GetValueOrDefault(id), "");
        return id.Length == 0
            ? null
            : $"  model : publish {id}: {model.Answers.GetValueOrDefault(id, "waits")}{Environment.NewLine}  broker: publish {id}: {target.Answers.GetValueOrDefault(id, "waits")}{Environment.NewLine}";
    }

    /// <summary>Looks for answers to the open questions with which the model does all that the target did: first those that differ from
    /// the answers so far in one, the latest first, then in two …</summary>
    /// <returns><see langword="false"/> when all were tried in vain.</returns>
    private bool FindOtherOrder()
    {
        Queue<(IReadOnlyList<int> Answers, int LastChanged)> candidates = new();
        AddNeighbours(_choices, -1);
        for (int replay = 0; replay < MostReplays && candidates.TryDequeue(out (IReadOnlyList<int> Answers, int LastChanged) candidate); replay++)
        {
            ReplayCount++;
            Choices tried = new(candidate.Answers);
            ModelBroker model = new(tried, flaw);
            if (Explains(model))
            {
                _choices = tried;
                _model = model;
                return true;
            }

            AddNeighbours(tried, candidate.LastChanged);
        }

        IsInconclusive = candidates.Count > 0;
        return IsInconclusive;

        void AddNeighbours(Choices from, int lastChanged)
        {
            for (int question = from.Alternatives.Count - 1; question > lastChanged; question--)
            {
                for (int answer = 0; answer < from.Alternatives[question]; answer++)
                {
                    if (answer != from.AnswerAt(question))
                    {
                        candidates.Enqueue(([.. Enumerable.Range(0, question).Select(from.AnswerAt), answer], question));
                    }
                }
            }
        }
    }

    private static string Apply(ModelBroker model, Command command)
    {
        try
        {
            return model.Apply(command);
        }
        catch (InvalidOperationException endless)
        {
            return endless.Message;
        }
    }

    private static string? Difference(string expected, IReadOnlyList<string> shown, string answer, IReadOnlyList<string> seen)
    {
        if (expected == answer && shown.SequenceEqual(seen))
        {
            return null;
        }

        StringBuilder text = new();
        if (expected != answer)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  model : {expected}").AppendLine(CultureInfo.InvariantCulture, $"  broker: {answer}");
        }

        foreach (string line in shown.Except(seen))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  model : {line}");
        }

        foreach (string line in seen.Except(shown))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  broker: {line}");
        }

        return text.Length > 0 ? text.ToString() : "  the same lines in another order";
    }

    /// <summary>The script so far as readable steps.</summary>
    private string Story()
    {
        StringBuilder text = new("Steps, with the broker's answers:" + Environment.NewLine);
        for (int i = 0; i < _history.Count; i++)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  {i + 1,3}. {_history[i].Command}  ->  {_history[i].Answer}");
        }

        return text.ToString();
    }
}
