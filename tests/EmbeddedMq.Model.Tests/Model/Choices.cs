namespace EmbeddedMq.Model.Tests.Model;

/// <summary>Answers what AMQP leaves open: which of several independent effects comes first, for example which of two queues gets a
/// fanned-out message first. A list of answers makes a run of the model repeatable; behind its end the answer is 0, the usual order.</summary>
internal sealed class Choices(IReadOnlyList<int> answers)
{
    private readonly List<int> _alternatives = [];

    /// <summary>What the model asked so far: the number of alternatives of each question.</summary>
    public IReadOnlyList<int> Alternatives => _alternatives;

    /// <summary>The answer to a question's place in the list.</summary>
    public int AnswerAt(int question) => question < answers.Count ? answers[question] : 0;

    /// <summary>One of <paramref name="alternatives"/>, from 0.</summary>
    public int Next(int alternatives)
    {
        if (alternatives < 2)
        {
            return 0;
        }

        int answer = AnswerAt(_alternatives.Count);
        _alternatives.Add(alternatives);
        return Math.Min(answer, alternatives - 1);
    }
}
