using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace EmbeddedMq;

/// <summary>An AMQP field table: names to typed values, in the order they were given. Immutable.</summary>
/// <remarks>
/// <para>A value is <see langword="null"/> (void), <see cref="bool"/>, <see cref="sbyte"/>, <see cref="byte"/>, <see cref="short"/>,
/// <see cref="ushort"/>, <see cref="int"/>, <see cref="uint"/>, <see cref="long"/>, <see cref="float"/>, <see cref="double"/>,
/// <see cref="decimal"/>, <see cref="string"/> (long string), <see cref="byte"/>[] (byte array; copied), <see cref="DateTimeOffset"/>
/// (timestamp, whole seconds), another <see cref="HeaderTable"/>, or a list of such values. Dictionaries with string keys and sequences
/// are taken as tables and lists. Equality is deep and by value and type, whatever the order.</para>
/// <para>Thread-safe. Source: AMQP 0-9-1 §4.2.1 with RabbitMQ's errata for the type tags.</para>
/// </remarks>
[SuppressMessage("Naming", "CA1710:Identifiers should have correct suffix", Justification = "Field table is AMQP's word.")]
public sealed class HeaderTable : IReadOnlyDictionary<string, object?>, IEquatable<HeaderTable>
{
    // Up to here a scan of the entries beats a hash look-up; real messages carry a handful of headers.
    private const int ScanLimit = 8;

    private readonly KeyValuePair<string, object?>[] _entries;
    private readonly Dictionary<string, int>? _index;

    /// <summary>Makes a table of names and values.</summary>
    /// <param name="entries">The entries; of two with one name the later wins, at the earlier's place.</param>
    /// <exception cref="ArgumentException">A value's type has no place in a field table, or a name is longer than 255 bytes of UTF-8.</exception>
    public HeaderTable(IEnumerable<KeyValuePair<string, object?>> entries)
        : this(Collect(entries))
    {
    }

    private HeaderTable(KeyValuePair<string, object?>[] entries)
    {
        _entries = entries;
        if (entries.Length > ScanLimit)
        {
            _index = new Dictionary<string, int>(entries.Length, StringComparer.Ordinal);
            for (int i = 0; i < entries.Length; i++)
            {
                _index.Add(entries[i].Key, i);
            }
        }
    }

    /// <summary>The table without entries.</summary>
    public static HeaderTable Empty { get; } = new(Array.Empty<KeyValuePair<string, object?>>());

    /// <inheritdoc/>
    public int Count => _entries.Length;

    /// <summary>The entries in order, for reading them all without an enumerator.</summary>
    public ReadOnlySpan<KeyValuePair<string, object?>> Entries => _entries;

    /// <inheritdoc/>
    public IEnumerable<string> Keys => _entries.Select(static entry => entry.Key);

    /// <inheritdoc/>
    public IEnumerable<object?> Values => _entries.Select(static entry => entry.Value);

    /// <inheritdoc/>
    public object? this[string key] => TryGetValue(key, out object? value)
        ? value
        : throw new KeyNotFoundException($"The table has no entry '{key}'.");

    /// <summary>A table of one entry.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its value.</param>
    public static HeaderTable Of(string name, object? value) => Empty.With(name, value);

    /// <summary>Reads a value of any integer type.</summary>
    /// <param name="value">The value.</param>
    /// <param name="number">The number.</param>
    /// <returns>Whether the value is an integer.</returns>
    public static bool TryGetInteger(object? value, out long number)
    {
        switch (value)
        {
            case sbyte or byte or short or ushort or int or uint or long:
                number = Convert.ToInt64(value, CultureInfo.InvariantCulture);
                return true;
            default:
                number = 0;
                return false;
        }
    }

    /// <summary>Whether two values of field tables are equal: deep, by type and value.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool ValueEquals(object? left, object? right) => (left, right) switch
    {
        (byte[] a, byte[] b) => a.AsSpan().SequenceEqual(b),
        (IReadOnlyList<object?> a, IReadOnlyList<object?> b) => ListEquals(a, b),
        _ => Equals(left, right),
    };

    /// <inheritdoc/>
    public bool ContainsKey(string key) => IndexOf(key) >= 0;

    /// <inheritdoc/>
    public bool TryGetValue(string key, out object? value)
    {
        int index = IndexOf(key);
        value = index < 0 ? null : _entries[index].Value;
        return index >= 0;
    }

    /// <summary>The value under a name, or <see langword="null"/>.</summary>
    /// <param name="key">The name.</param>
    public object? GetValueOrDefault(string key)
    {
        int index = IndexOf(key);
        return index < 0 ? null : _entries[index].Value;
    }

    /// <summary>A copy with one entry set or replaced.</summary>
    /// <param name="key">The name.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="ArgumentException">The value's type has no place in a field table.</exception>
    public HeaderTable With(string key, object? value)
    {
        KeyValuePair<string, object?> entry = new(CheckName(key), Normalize(key, value));
        int index = IndexOf(key);
        KeyValuePair<string, object?>[] entries = new KeyValuePair<string, object?>[index < 0 ? _entries.Length + 1 : _entries.Length];
        _entries.CopyTo(entries, 0);
        entries[index < 0 ? ^1 : index] = entry;
        return new HeaderTable(entries);
    }

    /// <summary>A copy without one entry; the same table when it has none of that name.</summary>
    /// <param name="key">The name.</param>
    public HeaderTable Without(string key)
    {
        int index = IndexOf(key);
        if (index < 0)
        {
            return this;
        }

        KeyValuePair<string, object?>[] entries = new KeyValuePair<string, object?>[_entries.Length - 1];
        _entries.AsSpan(0, index).CopyTo(entries);
        _entries.AsSpan(index + 1).CopyTo(entries.AsSpan(index));
        return new HeaderTable(entries);
    }

    /// <inheritdoc/>
    public bool Equals(HeaderTable? other)
    {
        if (ReferenceEquals(this, other))
        {
            return true;
        }

        if (other is null || other.Count != Count)
        {
            return false;
        }

        foreach (KeyValuePair<string, object?> entry in _entries)
        {
            if (!other.TryGetValue(entry.Key, out object? value) || !ValueEquals(entry.Value, value))
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as HeaderTable);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        // Names only: cheap, and the order of entries does not count.
        int hash = _entries.Length;
        foreach (KeyValuePair<string, object?> entry in _entries)
        {
            hash ^= StringComparer.Ordinal.GetHashCode(entry.Key);
        }

        return hash;
    }

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => ((IEnumerable<KeyValuePair<string, object?>>)_entries).GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => _entries.GetEnumerator();

    private static KeyValuePair<string, object?>[] Collect(IEnumerable<KeyValuePair<string, object?>> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        OrderedDictionary<string, object?> collected = new(StringComparer.Ordinal);
        foreach (KeyValuePair<string, object?> entry in entries)
        {
            collected[CheckName(entry.Key)] = Normalize(entry.Key, entry.Value);
        }

        return [.. collected];
    }

    private static string CheckName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length > 255 || (name.Length > 85 && System.Text.Encoding.UTF8.GetByteCount(name) > 255))
        {
            throw new ArgumentException($"The name of a header is at most 255 bytes of UTF-8; '{name[..32]}…' is longer.", nameof(name));
        }

        return name;
    }

    private static object? Normalize(string name, object? value) => value switch
    {
        null or bool or sbyte or byte or short or ushort or int or uint or long or float or double or decimal or string or HeaderTable => value,
        DateTimeOffset time => DateTimeOffset.FromUnixTimeSeconds(time.ToUnixTimeSeconds()),
        byte[] bytes => bytes.Clone(),
        IEnumerable<KeyValuePair<string, object?>> table => new HeaderTable(table),
        HeaderList list => list,
        IEnumerable<object?> list => new HeaderList([.. list.Select(item => Normalize(name, item))]),
        IEnumerable list => new HeaderList([.. list.Cast<object?>().Select(item => Normalize(name, item))]),
        _ => throw new ArgumentException(
            $"The header '{name}' has a value of type {value.GetType()}, which has no place in an AMQP field table. Use an integer up to 64 bits, " +
            "bool, float, double, decimal, string, byte[], DateTimeOffset, HeaderTable or a list of these.", nameof(value)),
    };

    private static bool ListEquals(IReadOnlyList<object?> left, IReadOnlyList<object?> right)
    {
        if (left.Count != right.Count)
        {
            return false;
        }

        for (int i = 0; i < left.Count; i++)
        {
            if (!ValueEquals(left[i], right[i]))
            {
                return false;
            }
        }

        return true;
    }

    private int IndexOf(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (_index is not null)
        {
            return _index.TryGetValue(key, out int index) ? index : -1;
        }

        for (int i = 0; i < _entries.Length; i++)
        {
            if (string.Equals(_entries[i].Key, key, StringComparison.Ordinal))
            {
                return i;
            }
        }

        return -1;
    }

    // A list whose values have been checked already, so that tables made from tables do not copy it again.
    private sealed class HeaderList(object?[] items) : IReadOnlyList<object?>
    {
        public int Count => items.Length;

        public object? this[int index] => items[index];

        public IEnumerator<object?> GetEnumerator() => ((IEnumerable<object?>)items).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => items.GetEnumerator();
    }
}
