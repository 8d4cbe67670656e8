using System.Runtime.CompilerServices;

namespace EmbeddedMq.Bindings;

/// <summary>The destinations that share a binding key. A field of one reference: nearly always there is one destination, and no list.</summary>
/// <remarks>
/// One writer at a time; readers beside it take no lock. A destination that was added twice (bindings that differ in their arguments) must
/// be removed twice.
/// </remarks>
internal struct Destinations
{
    // Nothing, the only destination (added once), or a CountedList<IDestination>.
    private object? _value;

    /// <summary>Whether there is none.</summary>
    internal readonly bool IsEmpty => _value is null;

    /// <summary>Adds a destination.</summary>
    /// <param name="destination">The destination.</param>
    internal void Add(IDestination destination)
    {
        switch (_value)
        {
            case null:
                Volatile.Write(ref _value, destination);
                break;
            case CountedList<IDestination> list:
                list.Add(destination);
                break;
            default:
                CountedList<IDestination> both = new();
                both.Add((IDestination)_value);
                both.Add(destination);
                Volatile.Write(ref _value, both);
                break;
        }
    }

    /// <summary>Removes a destination once.</summary>
    /// <param name="destination">The destination.</param>
    /// <returns>Whether it was there.</returns>
    internal bool Remove(IDestination destination)
    {
        if (_value is CountedList<IDestination> list)
        {
            bool isRemoved = list.Remove(destination);
            if (list.Count == 0)
            {
                Volatile.Write(ref _value, null);
            }

            return isRemoved;
        }

        if (!ReferenceEquals(_value, destination))
        {
            return false;
        }

        Volatile.Write(ref _value, null);
        return true;
    }

    /// <summary>Adds them all to a set.</summary>
    /// <param name="destinations">The set.</param>
    internal readonly void CollectInto(DestinationSet destinations)
    {
        object? value = Volatile.Read(in _value);
        if (value is null)
        {
            return;
        }

        if (value is CountedList<IDestination> list)
        {
            foreach (IDestination? destination in list.Places)
            {
                if (destination is not null)
                {
                    destinations.Add(destination);
                }
            }

            return;
        }

        // Nothing else is ever stored, and a checked cast to an interface costs more than the rest of this method.
        destinations.Add(Unsafe.As<object, IDestination>(ref value));
    }
}
