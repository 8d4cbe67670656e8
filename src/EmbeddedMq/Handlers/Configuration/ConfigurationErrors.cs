using System.Text;

namespace EmbeddedMq.Handlers.Configuration;

/// <summary>The mistakes found while an application says what it wants, so that all can be told in one message. Not thread-safe.</summary>
internal sealed class ConfigurationErrors
{
    private const int MaxNameBytes = 255;

    private readonly List<string> _errors = [];

    /// <summary>The mistakes, in the order found, each once.</summary>
    public IReadOnlyList<string> Errors => _errors;

    /// <summary>Notes a mistake.</summary>
    /// <param name="error">What is wrong and what to do, in sentences.</param>
    public void Add(string error)
    {
        if (!_errors.Contains(error))
        {
            _errors.Add(error);
        }
    }

    /// <summary>Checks the name of a queue or exchange: 1 to 255 bytes of UTF-8.</summary>
    /// <param name="kind">What it names.</param>
    /// <param name="name">The name.</param>
    public void CheckName(string kind, string name)
    {
        if (string.IsNullOrEmpty(name))
        {
            Add($"The name of a {kind} is empty. Give it one.");
        }
        else
        {
            CheckKey($"name of {kind}", name);
        }
    }

    /// <summary>Checks a key: at most 255 bytes of UTF-8.</summary>
    /// <param name="kind">What it is.</param>
    /// <param name="key">The key.</param>
    public void CheckKey(string kind, string key)
    {
        if (key is null)
        {
            Add($"A {kind} is null. Use an empty text for none.");
        }
        else if (Encoding.UTF8.GetByteCount(key) > MaxNameBytes)
        {
            Add($"The {kind} '{key}' is longer than {MaxNameBytes} bytes of UTF-8. Shorten it.");
        }
    }

    /// <summary>Checks that a time span lies in a range.</summary>
    /// <param name="what">What it is.</param>
    /// <param name="value">The time span.</param>
    /// <param name="minimum">The least.</param>
    /// <param name="maximum">The greatest.</param>
    public void CheckRange(string what, TimeSpan value, TimeSpan minimum, TimeSpan maximum)
    {
        if (value < minimum || value > maximum)
        {
            Add($"{what} is {value}. It must be {minimum} to {maximum}.");
        }
    }

    /// <summary>Checks that a number lies in a range.</summary>
    /// <param name="what">What it is, with its owner.</param>
    /// <param name="value">The number.</param>
    /// <param name="minimum">The least.</param>
    /// <param name="maximum">The greatest.</param>
    public void CheckRange(string what, long value, long minimum, long maximum)
    {
        if (value < minimum || value > maximum)
        {
            Add($"{what} is {value}. It must be {minimum} to {maximum}.");
        }
    }
}
